// The watched coin's market: prices of the last minutes, forecasts with outcomes, book and tape.
// Times are market time in ms. What can be charted is numbered, so that what has been drawn is
// known: `revision` changes where the past changed, `version` where anything did.

const KEPT_SECONDS = 330;
const FORGOTTEN_AT_ONCE = 60;
const KEPT_TRADES = 50;

export class MarketState {
  constructor(symbol) {
    this.revision = 0;
    this.version = 0;
    this.choose(symbol);
  }

  choose(symbol) {
    this.symbol = symbol;
    this.begin(null);
  }

  begin(venue) {
    this.venue = venue;
    this.mids = new Map(); // second -> mid
    this.newest = null; // the newest second
    this.forecasts = new Map(); // target_ts -> forecast, with `outcome` once graded
    this.latest = null;
    this.book = null;
    this.trades = null; // newest first
    this.printed = 0; // trades ever taken
    this.told = false; // whether a `market` frame has come
    this.tellingFailed = false;
    this.changed({ past: true });
  }

  apply({ type, data, venue }) {
    const readers = {
      snapshot: () => this.takeSnapshot(data),
      market: () => data.symbol === this.symbol && this.takeMarket(data),
      predictions: () => this.takeTick(venue, data),
      price: () => this.takeQuote(data[this.symbol]),
      outcome: () => data.forEach((each) => this.takeOutcome(each)),
      book: () => data.symbol === this.symbol && this.takeBook(data),
      trades: () => data.symbol === this.symbol && this.takeTrades(data.trades),
    };
    readers[type]?.();
  }

  takeSnapshot(data) {
    if (data.venue === null) return;
    if (data.venue !== this.venue) this.begin(data.venue);
    // With many coins a snapshot reaches less far back than the `market` frame that follows it.
    this.takePast(data.prices[this.symbol], data.forecasts?.[this.symbol]);
    const newest = data.predictions[this.symbol];
    if (newest?.venue === data.venue) this.takeForecast(newest);
    this.takeQuote(data.quotes[this.symbol]);
  }

  takeMarket(data) {
    // While Redis does not answer nothing is told; all of it comes when it is back.
    this.told = data.venue !== null;
    if (!this.told) return;
    if (data.venue !== this.venue) this.begin(data.venue);
    this.told = true;
    this.takePast(data.prices, data.forecasts);
    this.book = withLevels(data.book);
    this.trades = data.trades;
    this.printed += KEPT_TRADES;
    this.changed();
  }

  takePast(prices, forecasts) {
    for (const [atMs, mid] of prices ?? []) this.mids.set(Math.floor(atMs / 1_000), mid);
    for (const each of forecasts ?? []) this.keepForecast(each);
    for (const second of this.mids.keys()) this.newest = Math.max(this.newest ?? second, second);
    this.forget();
    this.changed({ past: true });
  }

  takeTick(venue, data) {
    const forecast = data.find((each) => each.symbol === this.symbol);
    if (!forecast) return;
    if (venue !== this.venue) this.begin(venue);
    this.takeForecast(forecast);
  }

  takeForecast(forecast) {
    this.keepForecast(forecast);
    if (this.latest && forecast.timestamp < this.latest.timestamp) return;
    this.latest = this.forecasts.get(forecast.target_ts);
    if (forecast.mid_price !== null) this.takeMid(forecast.timestamp, forecast.mid_price);
    this.forget();
    this.changed();
  }

  keepForecast(forecast) {
    const known = this.forecasts.get(forecast.target_ts);
    const outcome = forecast.outcome ?? known?.outcome ?? null;
    this.forecasts.set(forecast.target_ts, { ...known, ...forecast, outcome });
  }

  takeOutcome(outcome) {
    if (outcome.symbol !== this.symbol || outcome.venue !== this.venue) return;
    const known = this.forecasts.get(outcome.target_ts) ?? {
      target_ts: outcome.target_ts,
      predicted_price: outcome.predicted_price,
      mid_price: outcome.mid_price,
    };
    const id = outcome.forecast_id ?? known.id;
    this.forecasts.set(outcome.target_ts, { ...known, id, outcome });
    this.changed();
  }

  takeQuote(quote) {
    if (!quote || quote.mid === null || quote.ts === null) return;
    this.takeMid(quote.ts, quote.mid);
    // Where quotes come and forecasts do not, nothing else would ever forget.
    if (this.mids.size > KEPT_SECONDS + FORGOTTEN_AT_ONCE) this.forget();
    this.changed();
  }

  takeMid(atMs, mid) {
    const second = Math.floor(atMs / 1_000);
    if (this.newest !== null && second < this.newest) {
      if (this.mids.has(second)) return;
      this.revision += 1;
    }
    this.mids.set(second, mid);
    this.newest = Math.max(this.newest ?? second, second);
  }

  takeBook(book) {
    this.book = withLevels(book);
    this.changed();
  }

  takeTrades(trades) {
    this.trades = [...trades].reverse().concat(this.trades ?? []).slice(0, KEPT_TRADES);
    this.printed += trades.length;
    this.changed();
  }

  forget() {
    if (this.newest === null) return;
    const first = this.newest - KEPT_SECONDS;
    for (const second of this.mids.keys()) if (second < first) this.mids.delete(second);
    for (const targetTs of this.forecasts.keys()) {
      if (targetTs < first * 1_000) this.forecasts.delete(targetTs);
    }
  }

  changed({ past = false } = {}) {
    this.version += 1;
    if (past) this.revision += 1;
  }

  /** Forecasts by target time, the oldest first. */
  sortedForecasts() {
    return [...this.forecasts.values()].sort((a, b) => a.target_ts - b.target_ts);
  }
}

function withLevels(book) {
  return book && (book.bids.length > 0 || book.asks.length > 0) ? book : null;
}

/** How a graded forecast is marked everywhere: "hit", "miss", "flat", "open" or "none". */
export function mark(forecast) {
  if (!forecast.outcome) return "open";
  if (forecast.outcome.status !== "graded") return "none";
  if (forecast.outcome.direction_hit === null) return "flat";
  return forecast.outcome.direction_hit ? "hit" : "miss";
}
