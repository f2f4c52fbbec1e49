// The chart's candles in view as a table, newest first, for screen readers and for copying.

import * as formats from "../shell/formats.js";
import { TableTwin } from "../shell/table_twin.js";
import { time } from "../shell/times.js";
import { SIGNS, word } from "../shell/signal_words.js";
import { outcomeWords } from "./outcome_words.js";

const MOST = 300;
const COLUMNS = [
  { name: "Open time" },
  { name: "Open" },
  { name: "High" },
  { name: "Low" },
  { name: "Close" },
  { name: "Volume", title: "In base currency" },
  { name: "State" },
  { name: "Signal" },
];

export class CandleTable {
  constructor(details, symbol) {
    this.details = details;
    this.symbol = symbol;
    this.table = new TableTwin(details, `Candles of ${symbol} in view, newest first`, COLUMNS);
  }

  /** view: opens of the first and last candle, or null. nowMs: market time, null in lock-step.
   * Nothing is made while the table is closed. */
  render({ candles, signals }, view, nowMs) {
    if (!this.details.open || view === null) return;
    const [first, last] = view;
    const shown = candles.all().filter(({ openMs }) => openMs >= first && openMs <= last);
    const rows = shown.reverse().slice(0, MOST).map((each) => {
      const over = nowMs !== null && each.openMs + candles.stepMs <= nowMs;
      return this.row(each, signals.rows.get(each.openMs), over);
    });
    this.table.show(rows);
  }

  row(candle, signal, over) {
    const prices = ["open", "high", "low", "close"].map((name) => formats.price(candle[name], this.symbol));
    const volume = candle.volume === null ? formats.UNKNOWN : candle.volume.toLocaleString("en-US", { maximumSignificantDigits: 9 });
    const open = over ? "not stored yet" : "not closed";
    const state = !candle.stored ? open : candle.provisional ? "not confirmed" : "closed";
    const said = signal ? `${SIGNS[signal.direction]} ${word(signal.direction)} ${outcomeWords(signal, {})}` : "";
    return [time(candle.openMs, "dateMinute"), ...prices, volume, state, said];
  }
}
