// What the page knows of every coin: its newest quote and forecast, and its record on this page.

import { Tally } from "./tally.js";

const MODEL = "redis";

export class Coins {
  constructor(symbols, clock) {
    this.symbols = symbols;
    this.clock = clock;
    this.begin(null, null);
  }

  begin(venue, live) {
    this.venue = venue;
    this.live = live;
    this.heard = false; // whether a snapshot has told of this market
    this.coins = new Map(this.symbols.map((symbol) => [symbol, new Coin(symbol)]));
  }

  of(symbol) {
    return this.coins.get(symbol);
  }

  apply(frame) {
    const { type, data } = frame;
    if (type === "snapshot") this.takeSnapshot(data);
    else if (type === "predictions") this.takeTick(frame);
    else if (type === "price") this.takeQuotes(data);
    else if (type === "outcome") this.takeOutcomes(data);
    else if (type === "market") this.takePast(data.symbol, data.venue, data.forecasts);
  }

  takeSnapshot(data) {
    // Without Redis the server knows nothing new; what the page holds stays, marked as old.
    if (data.venue === null) return;
    if (data.venue !== this.venue) this.begin(data.venue, data.live);
    this.heard = true;
    this.takeQuotes(data.quotes);
    for (const [symbol, coin] of this.coins) {
      const newest = data.predictions[symbol];
      if (newest?.venue === data.venue) coin.takeForecast(newest, null);
      this.takePast(symbol, data.venue, data.forecasts?.[symbol]);
    }
  }

  takeTick({ venue, live, published_ms: publishedMs, data }) {
    if (venue !== this.venue) this.begin(venue, live);
    this.heard = true;
    for (const each of data) this.of(each.symbol)?.takeForecast(each, publishedMs ?? null);
  }

  takeQuotes(quotes) {
    const now = performance.now();
    for (const [symbol, quote] of Object.entries(quotes)) {
      const coin = this.of(symbol);
      if (!coin) continue;
      coin.quote = quote;
      coin.quoteAt = now;
    }
  }

  takeOutcomes(outcomes) {
    for (const each of outcomes) {
      if (each.venue === this.venue) this.of(each.symbol)?.takeOutcome(each);
    }
  }

  takePast(symbol, venue, forecasts) {
    const coin = this.of(symbol);
    if (!coin || venue !== this.venue) return;
    for (const each of forecasts ?? []) {
      if (each.outcome) coin.tally.take(each.target_ts, each.outcome, isFallback(each));
    }
  }

  // Age of a coin's newest features, in wall ms; null where it is not known.
  age(coin) {
    return this.clock.aged(coin.quote?.age_ms, coin.quoteAt);
  }

  // How long ago a coin's newest forecast was made, in wall ms.
  forecastAge(coin) {
    if (!coin.latest) return null;
    const now = this.clock.now();
    if (now === null) return performance.now() - coin.latestAt;
    return this.clock.wall(Math.max(0, now - coin.latest.timestamp));
  }
}

class Coin {
  constructor(symbol) {
    this.symbol = symbol;
    this.quote = null;
    this.quoteAt = 0;
    this.latest = null;
    this.latestAt = 0;
    this.publishedMs = null; // of `latest`; null where it came with a snapshot
    this.tally = new Tally();
    this.unfounded = new Set(); // targets of open forecasts that no model made
  }

  get price() {
    return this.quote?.mid ?? this.latest?.current_price ?? null;
  }

  takeForecast(forecast, publishedMs) {
    if (this.latest && forecast.timestamp <= this.latest.timestamp) return;
    this.latest = forecast;
    this.latestAt = performance.now();
    this.publishedMs = publishedMs;
    if (isFallback(forecast)) this.unfounded.add(forecast.target_ts);
    // An outcome that never comes must not keep its forecast for ever.
    if (this.unfounded.size > 64) this.unfounded.delete(this.unfounded.values().next().value);
  }

  takeOutcome(outcome) {
    this.tally.take(outcome.target_ts, outcome, this.unfounded.delete(outcome.target_ts));
  }
}

/** Whether no model made this forecast. */
export function isFallback(forecast) {
  return Boolean(forecast.source) && forecast.source !== MODEL;
}

/** The forecast's move from the mid it was made at: {bp, way}; null where either is unknown. */
export function moveOf(forecast) {
  if (forecast?.predicted_price == null || forecast.mid_price == null) return null;
  const bp = (forecast.predicted_price / forecast.mid_price - 1) * 10_000;
  return { bp, way: Math.abs(bp) < 0.005 ? "flat" : bp > 0 ? "up" : "down" };
}

export const ARROWS = { flat: "▬", up: "▲", down: "▼" };
