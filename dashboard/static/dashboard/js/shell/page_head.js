// What every page says at its top: connection, market time, whose market it is, what is wrong.

import { time, writeTime, zoneName } from "./times.js";
import { NO_MARKET, UNNAMED, venueKind } from "./venues.js";

const SIMULATED = "simulated";
const DAY_MS = 86_400_000;
const LONGEST_ERROR = 80;
const TOLD = { open: "connected", waiting: "disconnected", refused: "not served" };

export class PageHead {
  constructor(text) {
    this.text = text;
    // On a phone the navigation is longer than the screen.
    const here = document.querySelector(".pages [aria-current]");
    const pages = here?.parentElement;
    if (pages) pages.scrollLeft = here.offsetLeft - (pages.clientWidth - here.offsetWidth) / 2;
  }

  renderConnection(connection) {
    const seconds = Math.ceil(((connection.retryAt ?? 0) - performance.now()) / 1000);
    const texts = {
      connecting: connection.attempt ? `reconnecting (try ${connection.attempt + 1})` : "connecting",
      open: "connected",
      waiting: `disconnected, retry in ${Math.max(0, seconds)} s`,
      refused: "not served",
    };
    this.text.write("connection", texts[connection.state], connection.state);
    // What is read out says no seconds: it would be read out again with each of them.
    if (connection.state in TOLD) this.text.write("connection-told", TOLD[connection.state]);
  }

  renderBanner(venue, live) {
    const banner = this.text.element("venue-banner");
    banner.hidden = venue === null || venue === NO_MARKET || live === true;
    if (banner.hidden) return;
    const what = venueKind(venue, false) === SIMULATED
      ? "SIMULATED MARKET: prices are made up, no exchange is connected"
      : venue.includes("@")
        ? "REPLAY: a server that stands in for an exchange is connected, and no exchange"
        : "REPLAY: recorded market data is being played back";
    const named = venue === SIMULATED ? "" : ` (${venue})`;
    this.text.write("venue-banner", what + named);
  }

  /** A live market's name; the banner names all others. outage: of a health frame, or null. */
  renderVenue(venue, live, outage) {
    const element = this.text.element("venue");
    element.hidden = venue === null || (live !== true && venue !== NO_MARKET);
    if (element.hidden) return;
    const down = venue === UNNAMED || venue === NO_MARKET ? "no market" : `down · ${venue}`;
    this.text.write("venue", outage === null ? `live · ${venue}` : down, outage === null ? "live" : "down");
  }

  renderClock(nowMs) {
    writeTime(this.text.element("clock"), nowMs === null ? null : Math.floor(nowMs / 1_000) * 1_000);
    this.text.write("clock-zone", zoneName(nowMs ?? Date.now()));
  }

  // problem: a sentence, or null where all is well.
  renderNotice(problem) {
    this.text.write("notice", problem ?? "");
    const kind = problem?.replaceAll(/\d+/g, "");
    if (kind !== this.told) this.text.write("notice-told", problem ?? "");
    this.told = kind;
    this.text.element("notice").hidden = problem === null;
    this.text.element("content").classList.toggle("old", problem !== null);
  }
}

// Why nothing new can come, or null. known: whether the page shows anything yet.
export function outage(connection, health, known) {
  if (connection.state === "refused") return "The server does not serve this symbol.";
  if (connection.state !== "open") {
    if (!known && connection.attempt === 0) return null;
    return "Disconnected from the server: what you see is the last that was received.";
  }
  if (health?.redis.status === "away") {
    return "The server has lost its data store (Redis): nothing new until it returns.";
  }
  return health?.outage ? noExchange(health.outage) : null;
}

/** An outage as the market process tells it, in words. */
export function noExchange({ since_ms: since, tried = [], again_ms: again = null }) {
  const at = (ms) => time(ms, Date.now() - ms < DAY_MS ? "clock" : "dateClock");
  const asked = tried.map(({ exchange, error }) => `${exchange} (${shortened(error)})`).join(", ");
  const next = again === null ? "It is tried again by itself" : `Next try at ${at(again)}`;
  return `No exchange answers since ${at(since)}${asked ? `; tried ${asked}` : ""}. ${next}.`;
}

function shortened(text) {
  return text.length <= LONGEST_ERROR ? text : `${text.slice(0, LONGEST_ERROR - 1)}…`;
}

// Why the market's data is not to be trusted, or null.
export function staleness(ageMs, maxAgeMs) {
  if (ageMs === null || ageMs <= maxAgeMs) return null;
  return `Market data is ${Math.floor(ageMs / 1000)} s old: the feed has stopped.`;
}
