// A live market's feed: its connections, the exchange's clock, and what it does not trade.
// Replayed and simulated markets have none of it, and the panel is not there.

import { UNKNOWN, count, fixed, span } from "../shell/formats.js";
import { made } from "../shell/elements.js";
import { timeElement } from "../shell/times.js";
import { write } from "./fact_list.js";

const FAR_MS = 1_000; // from so far apart on the clocks are an alert
const NOT_TRADED = { symbol_halted: "halted", symbol_delisted: "not listed" };

const card = document.getElementById("feed");
const connections = document.getElementById("connection-rows");
const coins = document.getElementById("coin-rows");

/** {feed, outage, listings} of /api/system; each may be null. */
export function showFeed({ feed, outage, listings }) {
  card.hidden = feed === null && outage === null && listings === null;
  if (card.hidden) return;
  const away = listings === null ? [] : listings.symbols.filter(({ status }) => status in NOT_TRADED);
  write("feed-facts", [...outageFacts(outage), ...feedFacts(feed), ...listingFacts(listings, away)]);
  fill(connections, feed?.connections ?? [], connectionRow);
  fill(coins, away, coinRow);
}

function outageFacts(outage) {
  if (outage === null) return [];
  const asked = outage.tried.map(({ exchange, error }) => `${exchange}: ${error}`).join("; ");
  return [
    ["No exchange answers since", stamp(outage.since_ms), "bad"],
    ["Tried", asked || UNKNOWN],
    ["Next try", outage.again_ms === null ? UNKNOWN : stamp(outage.again_ms)],
  ];
}

function feedFacts(feed) {
  if (feed === null) return [];
  const { connections: all, counters, last_minute: recent } = feed;
  const up = all.filter((each) => each.up).length;
  const event = (name) => `${count(counters[name] ?? 0)}${recent[name] ? `, ${count(recent[name])} in the last minute` : ""}`;
  return [
    ["Exchange", feed.exchange],
    ["Connections up", `${up} of ${all.length}`, up === all.length ? "" : "bad"],
    ["Its clock against ours", offset(feed), Math.abs(feed.clock_offset_ms ?? 0) > FAR_MS ? "bad" : ""],
    ["Frames", event("frames")],
    ["Reconnects", event("reconnects")],
    ["Books that broke", event("gaps")],
    ["Updates put together", event("conflated")],
  ];
}

function listingFacts(listings, away) {
  if (listings === null) return [];
  return [["Symbols traded", `${listings.symbols.length - away.length} of ${listings.symbols.length}`, away.length ? "bad" : ""]];
}

function offset({ clock_offset_ms: ms, clock_uncertainty_ms: doubt }) {
  if (ms === null) return UNKNOWN;
  const sign = ms > 0 ? "+" : "";
  return `${sign}${fixed(ms, 1)} ms${doubt === null ? "" : ` ± ${fixed(doubt, 1)} ms`}`;
}

function fill(body, found, row) {
  body.closest("[data-table]").hidden = found.length === 0;
  body.replaceChildren(...found.map(row));
}

function connectionRow({ name, up, age_ms: age, proof_age_ms: heard, attempts, error, symbols }) {
  const line = made("tr");
  line.dataset.testid = `connection-${name}`;
  const state = made("span", "state", up ? "up" : "down");
  state.dataset.state = up ? "well" : "bad";
  const stateCell = made("td", "text");
  stateCell.append(state);
  const follows = made("td", "", count(symbols.length));
  follows.title = symbols.join(", ");
  line.append(
    head(name),
    stateCell,
    made("td", "", age === null ? UNKNOWN : span(age)),
    made("td", "", heard === null ? UNKNOWN : heard < 1_000 ? "now" : `${span(heard)} ago`),
    made("td", attempts ? "bad" : "", count(attempts)),
    follows,
    made("td", "text says", error),
  );
  return line;
}

function coinRow({ symbol, status, since_ms: since, renamed_to: renamed }) {
  const line = made("tr");
  line.dataset.testid = `coin-${symbol}`;
  const known = made("td");
  known.append(since === null ? UNKNOWN : stamp(since));
  line.append(head(symbol), made("td", "text", NOT_TRADED[status]), known, made("td", "text", renamed || UNKNOWN));
  return line;
}

function head(text) {
  const cell = made("th", "", text);
  cell.scope = "row";
  return cell;
}

function stamp(ms) {
  return timeElement(Math.floor(ms / 1_000) * 1_000, "dateClock");
}
