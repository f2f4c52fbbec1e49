// What the signals page knows: built from frames alone. Times are market time in ms.

export class SignalState {
  constructor(clock) {
    this.clock = clock;
    this.heard = false; // whether a snapshot has come
    this.begin(null, null);
  }

  begin(venue, live) {
    this.venue = venue;
    this.live = live;
    this.signals = new Map(); // "BTCUSDT/1h" -> signal
    this.errors = new Map(); // the same -> why there is no newer one
    this.quotes = new Map(); // symbol -> {age_ms, heardAt}
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
    this.signals.set(name(signal), signal);
  }

  takeError(error) {
    this.errors.set(name(error), error);
  }

  takeQuotes(quotes) {
    const heardAt = performance.now();
    for (const [symbol, quote] of Object.entries(quotes)) {
      this.quotes.set(symbol, { age_ms: quote.age_ms, heardAt });
    }
  }

  of(symbol, timeframe) {
    const key = `${symbol}/${timeframe}`;
    return { signal: this.signals.get(key) ?? null, error: this.errors.get(key) ?? null };
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
