// The coin's price and how far it has come in a day; the candle under the pointer, or the newest.

import * as formats from "../shell/formats.js";
import { time } from "../shell/times.js";

const DAY_MS = 86_400_000;

export class CoinHead {
  constructor(page, text, feed) {
    this.page = page;
    this.text = text;
    this.feed = feed;
    this.readMs = null;
  }

  /** Let the line above the chart tell of a candle; null for the newest. */
  read(openMs) {
    this.readMs = openMs;
    this.renderCandle();
  }

  render(quote, nowMs) {
    const newest = this.feed.candles?.newest() ?? null;
    const price = quote?.mid ?? newest?.close ?? null;
    const told = formats.price(price, this.page.symbol);
    this.text.write("price", told);
    document.title = price === null ? `${this.page.symbol} · cryptosite` : `${told} ${this.page.symbol} · cryptosite`;
    const atMs = nowMs ?? (newest ? newest.openMs + this.feed.candles.stepMs : null);
    const move = price === null || atMs === null ? null : this.feed.candles.dayChange(price, atMs);
    const sign = move === null || move === 0 ? "" : move > 0 ? "▲ " : "▼ ";
    // Candles of a day do not tell what the price was in its middle.
    const since = this.feed.candles?.stepMs >= DAY_MS ? "since 00:00 UTC" : "in 24 h";
    this.text.write("move", move === null ? "" : `${sign}${formats.signedPercent(move)} ${since}`);
    this.text.element("move").dataset.way = move > 0 ? "up" : move < 0 ? "down" : "";
    this.nowMs = nowMs;
    this.renderCandle();
  }

  renderCandle() {
    const { candles } = this.feed;
    if (!candles) return;
    const candle = candles.stored.get(this.readMs) ?? candles.growing.get(this.readMs) ?? candles.newest();
    if (candle === null) return;
    const { symbol } = this.page;
    const values = ["open", "high", "low", "close"].map((name) => `${name[0].toUpperCase()} ${formats.price(candle[name], symbol)}`);
    const volume = candle.volume === null ? formats.UNKNOWN : compact(candle.volume);
    const at = time(candle.openMs, candles.stepMs >= DAY_MS ? "date" : "dateMinute");
    this.text.write("readout", [at, ...values, `Vol ${volume}`, this.state(candle, candles)].filter(Boolean).join("  "));
  }

  state(candle, { stepMs }) {
    if (candle.stored) return candle.provisional ? "not confirmed" : "";
    const leftMs = this.nowMs === null ? null : candle.openMs + stepMs - this.nowMs;
    if (leftMs === null) return "not closed";
    return leftMs > 0 ? `closes in ${formats.countdown(leftMs)}` : "closed, not stored yet";
  }
}

function compact(value) {
  return value.toLocaleString("en-US", { notation: "compact", maximumSignificantDigits: 4 });
}
