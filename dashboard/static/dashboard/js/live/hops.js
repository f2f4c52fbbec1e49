// How long each part of the way took, from the exchange to this screen: the newest value and
// percentiles of the last minute. What cannot be known is null, with the reason in words.

import { venueKind } from "../shell/venues.js";

const SPAN_MS = 60_000;
const LONGEST = 240; // a minute of ticks, and quotes between them
const LEAST = 10; // samples under which percentiles say nothing
const ONE_CLOCK = "simulated"; // whose exchange and feed are one program
const ABSURD_MS = 3_600_000; // no part of the way takes an hour: what says so has another cause

export const HOPS = [
  ["exchange", "Exchange → feature", "From the exchange's own time stamp to the feature it went into, by two clocks that are compared."],
  ["feature", "Feature → forecast", "How old the features were when the forecast was made of them."],
  ["compute", "Forecast made", "From the tick to the finished forecast."],
  ["way", "Forecast → browser", "From the forecast's sending to its arrival in this browser; its clock is compared with the server's by ping and pong."],
  ["paint", "Browser → screen", "From its arrival to the next picture that this browser drew."],
];

export class Hops {
  constructor(clock, serverClock) {
    this.clock = clock;
    this.serverClock = serverClock;
    this.begin();
  }

  begin() {
    this.hops = new Map(HOPS.map(([name]) => [name, new Hop()]));
    this.arrived = null;
    this.eventMs = null;
  }

  of(name) {
    return this.hops.get(name);
  }

  /** A forecast has come just now; quote: the coin's newest. */
  arrive(forecast, publishedMs, quote) {
    this.arrived = performance.now();
    this.takeQuote(quote);
    this.takeFeature(forecast);
    this.of("compute").take(forecast.latency_ms, "it was not measured");
    this.takeWay(publishedMs);
  }

  /** The forecast that came is on the screen. */
  paint() {
    // A hidden page is not drawn: what waits for the reader says nothing about the way.
    if (this.arrived !== null && !document.hidden) this.of("paint").take(performance.now() - this.arrived);
    this.arrived = null;
  }

  takeQuote(quote) {
    const hop = this.of("exchange");
    const { exchange_ts_ms: exchangeMs, event_ts_ms: eventMs } = quote ?? {};
    if (exchangeMs == null || eventMs == null) {
      hop.unknown("this market carries no time stamps of an exchange");
    } else if (eventMs !== this.eventMs) {
      this.eventMs = eventMs;
      this.takeExchange(hop, eventMs - exchangeMs);
    }
  }

  // apart: arrival by our clock less the exchange's time stamp by its own.
  takeExchange(hop, apart) {
    const { exchange_clock: compared, venue, live } = this.clock.health ?? {};
    const offset = compared?.offset_ms ?? null;
    if (offset !== null) {
      const doubt = compared.uncertainty_ms ?? 0;
      const way = apart + offset;
      hop.how = `The exchange's clock is ${Math.abs(offset).toFixed(1)} ms ${offset < 0 ? "behind" : "ahead of"} the feed's, ± ${doubt.toFixed(1)} ms; that is taken off.`;
      hop.take(way < -doubt ? null : Math.max(0, way), "the exchange's time stamps run ahead of its clock", doubt);
    } else if (venue != null && venueKind(venue, live) === ONE_CLOCK) {
      hop.take(apart);
    } else {
      hop.unknown("the exchange's clock has not been compared with the feed's");
    }
  }

  takeFeature(forecast) {
    if (this.clock.speed <= 0) this.of("feature").unknown("in lock-step the market waits for the forecast");
    else if (forecast.features_age_ms == null) this.of("feature").unknown("no features went into it");
    else this.of("feature").take(this.clock.wall(forecast.features_age_ms));
  }

  takeWay(publishedMs) {
    const hop = this.of("way");
    const now = this.serverClock.at(this.arrived);
    if (publishedMs === null) hop.unknown("it came with the page's first state; the next one tells");
    else if (now === null) hop.unknown("the server's clock is not known yet");
    else {
      const way = now - publishedMs;
      const doubt = this.serverClock.uncertainty;
      if (way < -doubt - 1) hop.unknown("the forecast loop's clock runs ahead of the web server's");
      else hop.take(Math.max(0, way), "", doubt);
    }
  }
}

class Hop {
  constructor() {
    this.value = null;
    this.reason = "nothing has come yet";
    this.samples = [];
    this.doubt = 0;
    this.how = ""; // what was done to the value, in a sentence
  }

  /** doubt: by how much the value may be wrong, in ms. What is no more than that is not told. */
  take(value, reason = "it was not measured", doubt = 0) {
    if (value == null) {
      this.unknown(reason);
      return;
    }
    if (value < 0 || value > ABSURD_MS) {
      this.unknown("the time stamps contradict each other");
      return;
    }
    this.doubt = doubt;
    this.samples.push({ at: performance.now(), value });
    if (this.samples.length > LONGEST) this.samples.shift();
    if (value < doubt) {
      this.unknown(`it took less than the ${doubt.toFixed(1)} ms by which the clocks' comparison may be wrong`);
      return;
    }
    this.value = value;
    this.reason = "";
  }

  unknown(reason) {
    this.value = null;
    this.reason = reason;
  }

  /** {p50, p95, n} of the last minute; null where too little was measured in it to tell. */
  percentiles() {
    const since = performance.now() - SPAN_MS;
    while (this.samples.length > 0 && this.samples[0].at < since) this.samples.shift();
    if (this.samples.length < LEAST) return null;
    const sorted = this.samples.map((each) => each.value).sort((a, b) => a - b);
    const at = (share) => {
      const found = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
      return found < this.doubt ? null : found;
    };
    return { p50: at(0.5), p95: at(0.95), n: sorted.length };
  }
}
