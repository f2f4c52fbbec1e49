// What the signals page knows: built from frames alone. Times are market time in ms.

const OVER = new Set(["symbol_halted", "symbol_delisted", "feed_down"]);

export class SignalState {
  // timeframes: their names, shortest first.
  constructor(clock, timeframes) {
    this.clock = clock;
    this.timeframes = timeframes;
    this.heard = false; // whether a snapshot has come
    this.news = 0; // rises with all that a signal or its absence tells anew
    this.begin(null, null);
  }

  begin(venue, live) {
    this.venue = venue;
    this.live = live;
    this.signals = new Map(); // "BTCUSDT/1h" -> signal
    this.errors = new Map(); // the same -> why there is no newer one
    this.quotes = new Map(); // symbol -> {mid, age_ms, heardAt}
    this.news += 1;
  }

  apply(frame) {
    const readers = {
      snapshot: () => this.takeSnapshot(frame.data),
      signals: () => this.takeBatch(frame),
      price: () => this.takeQuotes(frame.data),
    };
    readers[frame.type]?.();
  }

  takeSnapshot(data) {
    // Without Redis the server knows nothing new; what the page holds stays, marked as old.
    if (data.venue !== null) {
      this.heard = true;
      if (data.venue !== this.venue) this.begin(data.venue, data.live);
      this.errors.clear();
      for (const signal of data.signals) if (signal.venue === data.venue) this.takeSignal(signal);
      for (const error of data.signal_errors) this.takeError(error);
      this.takeQuotes(data.quotes);
    }
  }

  takeBatch(batch) {
    if (batch.venue !== this.venue) this.begin(batch.venue, batch.live);
    for (const signal of batch.data) {
      this.errors.delete(name(signal));
      this.takeSignal(signal);
    }
    for (const error of batch.errors) this.takeError(error);
  }

  takeSignal(signal) {
    const known = this.signals.get(name(signal));
    if (known && known.made_ts > signal.made_ts) return;
    if (known?.made_ts !== signal.made_ts) this.news += 1;
    this.signals.set(name(signal), signal);
  }

  takeError(error) {
    const known = this.signals.get(name(error));
    // Of a market that may never go on, nothing stands that nobody can enter any more.
    if (OVER.has(error.code) && known?.valid_until_ts <= this.clock.now()) this.signals.delete(name(error));
    this.errors.set(name(error), error);
    this.news += 1;
  }

  takeQuotes(quotes) {
    const heardAt = performance.now();
    for (const [symbol, quote] of Object.entries(quotes)) {
      this.quotes.set(symbol, { mid: quote.mid, age_ms: quote.age_ms, heardAt });
    }
  }

  of(symbol, timeframe) {
    const key = `${symbol}/${timeframe}`;
    return { signal: this.signals.get(key) ?? null, error: this.errors.get(key) ?? null };
  }

  // The mid, or where no quotes come the newest candle's close; and its change since the last day's
  // close, which is what the longest timeframe's signal was made at.
  market(symbol) {
    const made = this.timeframes.map((each) => this.of(symbol, each).signal).filter(Boolean);
    const newest = made.reduce((one, other) => (other.candle_close_ms > (one?.candle_close_ms ?? 0) ? other : one), null);
    const mid = this.quotes.get(symbol)?.mid ?? null;
    const value = mid ?? newest?.entry ?? null;
    const day = this.of(symbol, this.timeframes.at(-1)).signal;
    const known = day !== null && value !== null && this.today(day) && (mid !== null || newest.candle_close_ms > day.candle_close_ms);
    return { value, quoted: mid !== null, change: known ? value / day.entry - 1 : null };
  }

  // Whether the day that the signal closed is the one before this.
  today(day) {
    const now = this.clock.now() ?? day.candle_close_ms;
    return now - day.candle_close_ms < day.candle_close_ms - day.candle_open_ms;
  }

  // Age of the freshest features of any symbol, in wall ms; null where none is known.
  dataAge() {
    const ages = [...this.quotes.values()]
      .map((quote) => this.clock.aged(quote.age_ms, quote.heardAt))
      .filter((age) => age !== null);
    return ages.length ? Math.min(...ages) : null;
  }

  // The newest candle close that any signal of a timeframe was made at; null where there is none.
  newestClose(timeframe) {
    const closes = [...this.signals.values()]
      .filter((signal) => signal.timeframe === timeframe)
      .map((signal) => signal.candle_close_ms);
    return closes.length ? Math.max(...closes) : null;
  }
}

function name({ symbol, timeframe }) {
  return `${symbol}/${timeframe}`;
}
