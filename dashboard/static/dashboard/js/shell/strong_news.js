// Which signals of a frame are news that stand out: strong, not expired, and not known before.
// What the first snapshot tells is known; so is all that a snapshot after a break tells again.

import { strong } from "./signal_words.js";

export class StrongNews {
  constructor() {
    this.venue = null;
    this.known = new Map(); // "BTCUSDT/1h" → the last signal
  }

  /** The frame's strong news, surest first. nowMs: market time, null in lock-step. */
  of(frame, nowMs) {
    if (frame.type === "snapshot") return this.ofSnapshot(frame.data, nowMs);
    if (frame.type === "signals") return this.ofSignals(frame.venue, frame.data, nowMs);
    if (frame.type === "signal") return this.ofSignals(frame.data.venue, [frame.data], nowMs);
    return [];
  }

  ofSnapshot({ venue, signals }, nowMs) {
    // Without Redis the server knows nothing; neither is what was known forgotten.
    if (venue === null) return [];
    const begins = venue !== this.venue;
    const news = this.ofSignals(venue, signals.filter((each) => each.venue === venue), nowMs);
    return begins ? [] : news;
  }

  ofSignals(venue, signals, nowMs) {
    if (venue !== this.venue) {
      this.venue = venue;
      this.known.clear();
    }
    const news = signals.filter((signal) => this.take(signal) && strong(signal, nowMs));
    return news.sort((one, other) => other.confidence - one.confidence);
  }

  // Whether it says something new: a candle's confirmation that repeats a strong one does not.
  take(signal) {
    const name = `${signal.symbol}/${signal.timeframe}`;
    const before = this.known.get(name);
    if (before && before.made_ts >= signal.made_ts) return false;
    this.known.set(name, signal);
    const repeats = before?.candle_close_ms === signal.candle_close_ms && before.direction === signal.direction;
    return !(repeats && strong(before, null));
  }
}
