// The candles of one timeframe: those that the store holds, and the one that grows with quotes.
// Times are market time in ms; a candle is named by its open.

const KEPT = 6_000;

export class CandleState {
  constructor(stepMs) {
    this.stepMs = stepMs;
    this.venue = null;
    this.live = null;
    this.stored = new Map(); // open ms -> candle, oldest first
    this.growing = new Map(); // the same of candles that are not stored: the newest has not closed
    this.first = false; // whether there is nothing older
    this.version = 0; // changes with everything but the newest candle's growth
  }

  /** Take an answer of /api/candles. Older ones may be put before those that are there. */
  take(answer) {
    this.venue = answer.venue;
    this.live = answer.live;
    for (const each of answer.candles) {
      const candle = { ...each, openMs: Date.parse(each.candle_open), stored: true };
      this.stored.set(candle.openMs, candle);
      this.growing.delete(candle.openMs);
    }
    this.stored = new Map([...this.stored].sort(([a], [b]) => a - b).slice(-KEPT));
    if (answer.forming) this.takeForming(answer.forming);
    this.version += 1;
  }

  // What shorter candles tell of the growing one goes before what was seen of it here.
  takeForming(told) {
    const openMs = Date.parse(told.candle_open);
    if (this.stored.has(openMs)) return;
    const knownMs = Date.parse(told.known_until);
    const seen = this.growing.get(openMs);
    const later = seen && seen.seenMs > knownMs;
    this.growing.set(openMs, {
      openMs,
      open: told.open,
      high: Math.max(told.high, seen?.high ?? told.high),
      low: Math.min(told.low, seen?.low ?? told.low),
      close: later ? seen.close : told.close,
      volume: told.volume,
      seenMs: later ? seen.seenMs : knownMs,
      provisional: true,
    });
  }

  /** Let the newest candle grow by a price; true where it is a candle that was not there. */
  grow(price, atMs) {
    const openMs = Math.floor(atMs / this.stepMs) * this.stepMs;
    const newest = this.newest();
    if (newest === null || openMs < newest.openMs || this.stored.has(openMs)) return false;
    const candle = this.growing.get(openMs);
    if (candle) {
      if (atMs < candle.seenMs) return false;
      candle.high = Math.max(candle.high, price);
      candle.low = Math.min(candle.low, price);
      candle.close = price;
      candle.seenMs = atMs;
      return false;
    }
    const begun = { openMs, open: price, high: price, low: price, close: price, volume: null };
    this.growing.set(openMs, { ...begun, seenMs: atMs, provisional: true });
    this.version += 1;
    return true;
  }

  /** All candles, oldest first. */
  all() {
    const growing = [...this.growing.values()].filter((each) => !this.stored.has(each.openMs));
    return [...this.stored.values(), ...growing].sort((a, b) => a.openMs - b.openMs);
  }

  newest() {
    const last = [...this.stored.keys()].at(-1);
    const opens = [...this.growing.keys(), ...(last === undefined ? [] : [last])];
    if (opens.length === 0) return null;
    const openMs = Math.max(...opens);
    return this.stored.get(openMs) ?? this.growing.get(openMs);
  }

  newestStoredMs() {
    return [...this.stored.keys()].at(-1) ?? null;
  }

  oldestMs() {
    return this.stored.keys().next().value ?? null;
  }

  /** The share that the price has moved in a day before `atMs`, of daily candles since the last
   * close; null where no candle tells. */
  dayChange(price, atMs) {
    const openMs = Math.floor((atMs - 86_400_000) / this.stepMs) * this.stepMs;
    const before = this.stored.get(this.stepMs === 86_400_000 ? openMs : openMs - this.stepMs);
    return before ? price / before.close - 1 : null;
  }
}
