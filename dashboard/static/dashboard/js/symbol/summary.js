// What is said of this coin now, at every timeframe, and how far that agrees.

import { ask } from "../shell/asking.js";
import { made } from "../shell/elements.js";
import * as formats from "../shell/formats.js";
import { SIGNS, expired, quiet, short, strong, validity, word } from "../shell/signal_words.js";

export class Summary {
  /** onSignals(answer): those that stand, of its venue. onShow(timeframe): the reader wants its chart. */
  constructor(page, panel, text, { onSignals, onShow }) {
    this.page = page;
    this.panel = panel;
    this.text = text;
    this.onSignals = onSignals;
    this.answer = null;
    text.element("summary").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) onShow(button.textContent);
    });
  }

  async refresh() {
    if (!this.page.signals) {
      this.panel.empty("No signals are made for this coin; it is only forecast.");
      return;
    }
    this.aborting?.abort();
    this.aborting = new AbortController();
    const { signal } = this.aborting;
    try {
      this.answer = await ask(`/api/predictions/${this.page.symbol}/summary`, {}, { signal });
    } catch (refusal) {
      if (!signal.aborted) this.panel.failed(refusal, () => this.refresh());
      return;
    }
    this.key = null;
    this.panel.ready();
    this.onSignals(this.answer);
  }

  /** Write it as of market time, null in lock-step; rows are made only where something changed. */
  render(nowMs) {
    if (this.answer === null) return;
    const rows = this.page.timeframes.map(({ name }) => this.told(name, nowMs));
    const key = JSON.stringify(rows);
    if (key === this.key) return;
    this.key = key;
    this.text.element("summary").replaceChildren(...rows.map(rowOf));
    this.text.write("agreement", agreement(this.answer, nowMs), this.answer.agreed_direction ?? "");
  }

  told(timeframe, nowMs) {
    const item = this.answer.predictions.find((each) => each.timeframe === timeframe);
    const error = this.answer.errors.find((each) => each.timeframe === timeframe);
    if (!item) return { timeframe, way: "warned", said: "✕ none", why: short(error?.code ?? ""), full: error?.message ?? "", confidence: "", left: "" };
    const signal = { ...item, valid_until_ts: Date.parse(item.valid_until) };
    // Where there is nothing to enter, no time for it runs out.
    const trade = item.direction !== "NO_TRADE";
    const old = trade && expired(signal, nowMs);
    return {
      timeframe,
      way: old ? "flat" : { LONG: "up", SHORT: "down" }[item.direction] ?? "flat",
      said: `${SIGNS[item.direction]} ${word(item.direction)}`,
      strong: strong(signal, nowMs),
      why: short(error?.code ?? item.reason),
      full: error?.message ?? this.page.reasons[item.reason] ?? "",
      confidence: formats.percent(item.confidence, 0),
      left: trade ? validity(signal, nowMs) : "",
      old,
    };
  }
}

function rowOf({ timeframe, way, said, why, full, confidence, left, strong: stands, old }) {
  const row = made("tr", stands ? "strong" : old ? "expired" : "");
  const head = made("th");
  head.scope = "row";
  const button = made("button", "plain-button", timeframe);
  button.type = "button";
  button.title = `Show the ${timeframe} candles`;
  head.append(button);
  const told = made("td", `text ${way}`, said);
  if (why) {
    const reason = made("span", "why", why);
    reason.title = full;
    told.append(reason);
  }
  row.append(head, told, made("td", "", confidence), made("td", "", left));
  return row;
}

// How many of those whose model can call a direction call the same, and how many of these are too
// old to enter.
function agreement({ agreement: share, agreed_direction: direction, predictions }, nowMs) {
  const able = predictions.filter((each) => !quiet(each));
  if (share === null) return "no direction is called";
  const called = able.filter((each) => each.direction === (direction ?? each.direction) && each.direction !== "NO_TRADE");
  const old = called.filter((each) => expired({ valid_until_ts: Date.parse(each.valid_until) }, nowMs)).length;
  const over = old ? `, ${old === called.length ? "all" : old} of them expired` : "";
  if (direction === null) return `split between long and short${over}`;
  return `${SIGNS[direction]} ${called.length} of ${able.length} say ${word(direction)}${over}`;
}
