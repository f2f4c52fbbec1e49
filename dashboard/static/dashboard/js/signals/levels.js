// The levels of one signal: their prices, how far from the entry in % and in R, a button to copy
// each; and where the price stands now.

import * as formats from "../shell/formats.js";
import { writeText } from "../shell/page_text.js";

const MINUS = "−";

/** The table's rows: far target first for LONG, the stop first for SHORT, as on a chart. */
export class Levels {
  constructor(body) {
    this.body = body;
  }

  /** mid: the price now; null where no quotes come. */
  render(signal, mid) {
    const key = JSON.stringify([signal.symbol, signal.entry, signal.stop_loss, signal.take_profits]);
    if (key !== this.key) {
      this.key = key;
      this.build(signal);
    }
    this.now.element.hidden = mid === null;
    if (mid === null) return;
    const { symbol } = signal;
    writeText(this.now.price, formats.price(mid, symbol));
    writeText(this.now.distance, signal.entry === null ? "" : formats.signedPercent(mid / signal.entry - 1));
    writeText(this.now.risks, risks(signal, mid));
  }

  build(signal) {
    const levels = signal.take_profits.map(({ level, price }) => line(`Target ${level}`, signal, price, "hit"));
    levels.reverse();
    const trade = signal.direction !== "NO_TRADE";
    levels.push(line(trade ? "Entry" : "Close", signal, signal.entry, ""));
    if (signal.stop_loss !== null) levels.push(line("Stop", signal, signal.stop_loss, "miss"));
    if (signal.direction === "SHORT") levels.reverse();
    this.now = line("Now", signal, null, "");
    this.now.element.className = "now";
    this.body.replaceChildren(...[...levels, this.now].map(({ element }) => element));
  }
}

// How far a price lies from the entry in units of what is risked; "" where unknown.
function risks({ direction, entry, stop_loss: stop }, price) {
  if (price === null || entry === null || stop === null || entry === stop) return "";
  const side = direction === "SHORT" ? -1 : 1;
  const value = (side * (price - entry)) / Math.abs(entry - stop);
  return `${value < -0.005 ? MINUS : "+"}${Math.abs(value).toFixed(price === stop ? 0 : 1).replace(/\.0$/, "")}`;
}

/** A price as programs take it: the coin's decimals, no separators. */
export function plainPrice(value, symbol) {
  return value === null ? "" : value.toFixed(formats.decimals(value, symbol));
}

function line(label, signal, price, className) {
  const element = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = label;
  const cells = ["", "", "", ""].map(() => document.createElement("td"));
  const [value, distance, inRisks, copying] = cells;
  value.textContent = formats.price(price, signal.symbol);
  if (className && price !== null && signal.entry !== null) {
    distance.textContent = formats.signedPercent(price / signal.entry - 1);
    inRisks.textContent = risks(signal, price);
    distance.className = inRisks.className = className;
  }
  if (price !== null) copying.append(copyButton(label, plainPrice(price, signal.symbol)));
  element.append(name, ...cells);
  return { element, price: value, distance, risks: inRisks };
}

function copyButton(label, text) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small";
  button.dataset.copy = text;
  button.textContent = "Copy";
  button.title = `${label}: ${text}`;
  button.setAttribute("aria-label", `Copy ${label.toLowerCase()}, ${text}`);
  return button;
}
