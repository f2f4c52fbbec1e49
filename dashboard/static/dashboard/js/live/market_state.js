// What the page knows: built from frames alone, read by the panel and the chart.
// Times are market time in ms.

const KEPT_SECONDS = 600;
const KEPT_FORECASTS = 1_800;

export class MarketState {
  constructor(symbol, clock) {
    this.symbol = symbol;
    this.clock = clock;
    this.begin(null, null);
  }

  begin(venue, live) {
    this.venue = venue;
    this.live = live;
    this.mids = new Map(); // second -> mid
    this.forecasts = new Map(); // target_ts -> forecast, with `outcome` once graded
    this.latest = null;
    this.latestAt = 0;
    this.quote = null;
    this.quoteAt = 0;
  }

  apply(frame) {
    const readers = {
      snapshot: (data) => this.takeSnapshot(data),
      prediction: (data) => this.takePrediction(data),
      outcome: (data) => data.forEach((each) => this.takeOutcome(each)),
      price: (data) => this.takeQuote(data[this.symbol]),
    };
    readers[frame.type]?.(frame.data);
  }

  takeSnapshot(data) {
    // Without Redis the server knows nothing new; what the page holds stays, marked as old.
    if (data.venue !== null) {
      if (data.venue !== this.venue) this.begin(data.venue, data.live);
      for (const [atMs, mid] of data.prices[this.symbol] ?? []) this.takeMid(atMs, mid);
      for (const each of data.forecasts?.[this.symbol] ?? []) this.takeForecast(each);
      const newest = data.predictions[this.symbol];
      if (newest && newest.venue === data.venue) this.takePrediction(newest);
      this.takeQuote(data.quotes[this.symbol]);
    }
  }

  takePrediction(forecast) {
    if (forecast.venue !== this.venue) this.begin(forecast.venue, forecast.live);
    this.takeForecast(forecast);
    if (this.latest && forecast.timestamp <= this.latest.timestamp) return;
    this.latest = forecast;
    this.latestAt = performance.now();
    if (forecast.mid_price !== null) this.takeMid(forecast.timestamp, forecast.mid_price);
  }

  takeForecast(forecast) {
    const known = this.forecasts.get(forecast.target_ts);
    const outcome = forecast.outcome ?? known?.outcome ?? null;
    this.forecasts.set(forecast.target_ts, { ...known, ...forecast, outcome });
    trim(this.forecasts, KEPT_FORECASTS);
  }

  takeOutcome(outcome) {
    if (outcome.symbol !== this.symbol || outcome.venue !== this.venue) return;
    const known = this.forecasts.get(outcome.target_ts) ?? {
      target_ts: outcome.target_ts,
      predicted_price: outcome.predicted_price,
      mid_price: outcome.mid_price,
    };
    this.forecasts.set(outcome.target_ts, { ...known, outcome });
  }

  takeQuote(quote) {
    if (!quote) return;
    this.quote = quote;
    this.quoteAt = performance.now();
    if (quote.mid !== null && quote.ts !== null) this.takeMid(quote.ts, quote.mid);
  }

  takeMid(atMs, mid) {
    this.mids.set(Math.floor(atMs / 1000), mid);
    trim(this.mids, KEPT_SECONDS);
  }

  get health() {
    return this.clock.health;
  }

  // Age of the newest features, in wall ms; null where it is not known.
  dataAge() {
    return this.clock.aged(this.quote?.age_ms, this.quoteAt);
  }

  // How long ago the newest forecast was made, in wall ms.
  forecastAge() {
    const now = this.clock.now();
    if (!this.latest) return null;
    if (now === null) return performance.now() - this.latestAt;
    return this.clock.wall(Math.max(0, now - this.latest.timestamp));
  }

  sortedForecasts() {
    return [...this.forecasts.values()].sort((a, b) => a.target_ts - b.target_ts);
  }

  // Counts over what the page holds; rates and means are null under `least` cases.
  record(least) {
    const graded = [...this.forecasts.values()].filter((f) => f.outcome?.status === "graded");
    const directed = graded.filter((f) => f.outcome.direction_hit !== null);
    const bounded = graded.filter((f) => f.outcome.covered !== null);
    const measured = graded.filter(
      (f) => f.outcome.error_bp !== null && f.outcome.no_change_error_bp !== null,
    );
    const share = (cases, name) =>
      cases.length < least ? null : cases.filter((f) => f.outcome[name]).length / cases.length;
    const mean = (name) =>
      measured.length < least
        ? null
        : measured.reduce((sum, f) => sum + Math.abs(f.outcome[name]), 0) / measured.length;
    return {
      graded: graded.length,
      fallbacks: graded.filter((f) => f.source && f.source !== "redis").length,
      hits: { value: share(directed, "direction_hit"), n: directed.length },
      covered: { value: share(bounded, "covered"), n: bounded.length },
      mae: { value: mean("error_bp"), n: measured.length },
      noChange: { value: mean("no_change_error_bp"), n: measured.length },
    };
  }
}

// How a graded forecast is marked everywhere: "hit", "miss", "flat", "open" or "none".
export function mark(forecast) {
  if (!forecast.outcome) return "open";
  if (forecast.outcome.status !== "graded") return "none";
  if (forecast.outcome.direction_hit === null) return "flat";
  return forecast.outcome.direction_hit ? "hit" : "miss";
}

function trim(map, size) {
  while (map.size > size) map.delete(map.keys().next().value);
}
