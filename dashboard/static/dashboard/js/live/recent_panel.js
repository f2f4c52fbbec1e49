// The newest forecasts, each with what came of it and the way to its own page.

import * as formats from "../shell/formats.js";
import { Panel } from "../shell/panel.js";
import { timeElement } from "../shell/times.js";
import { showCondition } from "./condition.js";
import { MARKS } from "./marks.js";
import { mark } from "./market_state.js";

const ROWS = 10;

export class RecentPanel {
  constructor(section, ungradable) {
    this.ungradable = ungradable;
    this.panel = new Panel(section);
    this.body = section.querySelector("tbody");
    this.template = document.getElementById("recent-row").content.firstElementChild;
    this.rows = new Map(); // target_ts -> {key, element}
  }

  show(market, condition) {
    showCondition(this.panel, condition, market.forecasts.size > 0 ? null : "No forecast has been made yet.");
    if (market.version === this.version) return;
    this.version = market.version;
    const shown = market.sortedForecasts().slice(-ROWS).reverse();
    const rows = shown.map((forecast) => [forecast.target_ts, this.rowOf(forecast, market.symbol)]);
    this.place(rows.map(([, { element }]) => element));
    this.rows = new Map(rows);
  }

  // What stays is not moved: a link in it may have the focus.
  place(elements) {
    const staying = new Set(elements);
    for (const row of [...this.body.rows]) if (!staying.has(row)) row.remove();
    elements.forEach((element, index) => {
      const there = this.body.rows[index] ?? null;
      if (there !== element) this.body.insertBefore(element, there);
    });
  }

  // The row that stands where it says the same.
  rowOf(forecast, symbol) {
    const { id, outcome, predicted_price: predicted } = forecast;
    const key = `${symbol},${predicted},${mark(forecast)},${outcome?.error_bp},${id}`;
    const known = this.rows.get(forecast.target_ts);
    return known?.key === key ? known : { key, element: this.row(forecast, symbol) };
  }

  row(forecast, symbol) {
    const row = this.template.cloneNode(true);
    const [target, predicted, came, error, direction, inside] = row.cells;
    const { outcome } = forecast;
    const kind = mark(forecast);
    row.dataset.seq = forecast.seq ?? outcome?.tick ?? "";
    target.append(linked(forecast.id, timeElement(forecast.target_ts)));
    predicted.textContent = formats.price(forecast.predicted_price, symbol);
    came.textContent = formats.price(outcome?.target_mid, symbol);
    error.textContent = formats.signed(outcome?.error_bp);
    write(direction, MARKS[kind], kind);
    if (outcome?.covered == null) inside.textContent = formats.UNKNOWN;
    else write(inside, outcome.covered ? ["●", "in"] : ["✕", "out"], outcome.covered ? "hit" : "miss");
    if (kind === "none") row.title = this.ungradable[outcome.reason] ?? outcome.reason;
    return row;
  }
}

// Only what stands in the ledger has a page.
function linked(id, element) {
  if (id == null) return element;
  const link = document.createElement("a");
  link.href = `/forecasts/${id}`;
  link.append(element);
  return link;
}

// Sign and word; a narrow screen shows the sign and leaves the word to screen readers.
function write(cell, [sign, word], className) {
  const spoken = document.createElement("span");
  spoken.className = "word";
  spoken.textContent = word;
  cell.append(`${sign} `, spoken);
  cell.className = className;
}
