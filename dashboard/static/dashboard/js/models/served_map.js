// The map of coins and timeframes. Coins that are served alike share a row, until each is asked
// for; the forecast stands in a row of its own.

import { pageData } from "../shell/page_data.js";
import { made } from "../shell/elements.js";

export class ServedMap {
  constructor() {
    this.body = document.getElementById("map-body");
    this.told = null;
    this.each = false;
    this.key = "";
    this.button = document.getElementById("each-coin");
    this.button.addEventListener("click", () => {
      this.each = !this.each;
      this.button.setAttribute("aria-pressed", String(this.each));
      this.draw();
    });
    const cells = ["", ...pageData.timeframes].map((name) => {
      const cell = made("th", "", name || "Served for");
      cell.scope = "col";
      return cell;
    });
    const row = made("tr");
    row.append(...cells);
    document.getElementById("map-head").append(row);
  }

  show(told) {
    this.told = told;
    this.draw();
  }

  draw() {
    if (!this.told) return;
    const { forecasts, signals, models } = this.told;
    const key = JSON.stringify([this.each, forecasts, signals.map, models.map((each) => [each.id, each.loaded])]);
    if (key === this.key) return;
    this.key = key;
    const cards = new Map(models.map((each) => [each.id, each]));
    const groups = this.each ? alone(signals.map) : alike(signals.map);
    this.body.replaceChildren(
      forecastRow(forecasts, cards),
      ...groups.map((group) => signalRow(group, groups.length, cards)),
    );
    const networks = models.filter((each) => each.engine === "signals").length;
    const missing = signals.map.filter((each) => each.model === null).length;
    const lacking = missing ? ` · ${missing} without one` : "";
    document.getElementById("served-told").textContent =
      `${networks} signal ${networks === 1 ? "network" : "networks"} for ${signals.map.length} coin × timeframe pairs${lacking}`;
  }
}

function alone(slots) {
  return [...coins(slots)].map(([symbol, row]) => ({ symbols: [symbol], row }));
}

function alike(slots) {
  const groups = new Map();
  for (const [symbol, row] of coins(slots)) {
    const key = JSON.stringify(row.map((each) => [each.model, each.code]));
    if (!groups.has(key)) groups.set(key, { symbols: [], row });
    groups.get(key).symbols.push(symbol);
  }
  return [...groups.values()].sort((a, b) => b.symbols.length - a.symbols.length);
}

function coins(slots) {
  const found = new Map();
  for (const slot of slots) {
    if (!found.has(slot.symbol)) found.set(slot.symbol, []);
    found.get(slot.symbol).push(slot);
  }
  return found;
}

function forecastRow(forecasts, cards) {
  const row = made("tr");
  const head = made("th", "", `Forecast of ${forecasts.symbols.join(", ")}`);
  head.scope = "row";
  const cell = made("td", "text");
  cell.colSpan = pageData.timeframes.length;
  const card = cards.get(forecasts.model);
  cell.append(card ? link(card) : missing("no network: a linear trend stands in"));
  row.append(head, cell);
  row.className = "forecast-row";
  const seconds = card?.horizon_seconds ?? null;
  cell.prepend(made("span", "muted", seconds === null ? "at any time, of no candle: " : `${seconds} s ahead at any time, of no candle: `));
  return row;
}

function signalRow({ symbols, row: slots }, groups, cards) {
  const row = made("tr");
  row.dataset.testid = symbols.length === 1 ? `coin-${symbols[0]}` : "coins";
  const head = made("th");
  head.scope = "row";
  head.append(named(symbols, groups));
  row.append(head);
  for (const timeframe of pageData.timeframes) {
    const slot = slots.find((each) => each.timeframe === timeframe);
    const cell = made("td", "text");
    const card = slot && cards.get(slot.model);
    if (card) cell.append(link(card));
    else cell.append(missing(slot?.message || "nothing is known", slot?.code));
    row.append(cell);
  }
  return row;
}

function named(symbols, groups) {
  if (symbols.length === 1) return symbols[0];
  const details = made("details", "coins");
  const all = groups === 1 ? "Signals of all" : "Signals of";
  details.append(made("summary", "", `${all} ${symbols.length} coins`), made("p", "muted", symbols.join(", ")));
  return details;
}

function link(card) {
  const element = made("a", "slot");
  const kind = card.own ? "own" : card.role;
  element.href = `#model-${card.id}`;
  element.title = `${card.version}, ${card.role}${card.own ? ", of this coin alone" : ""}`;
  const mark = made("span", "mark");
  mark.dataset.kind = kind;
  mark.setAttribute("aria-hidden", "true");
  element.append(mark, ` ${card.architecture ?? card.version}`, made("span", "visually-hidden", `, ${kind}`));
  return element;
}

function missing(why, code = "") {
  const element = made("span", "slot none");
  element.title = why;
  const mark = made("span", "mark");
  mark.dataset.kind = "missing";
  mark.setAttribute("aria-hidden", "true");
  element.append(mark, ` ${pageData.reasons[code] ?? why}`);
  return element;
}
