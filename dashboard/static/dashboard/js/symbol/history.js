// The ledger of this coin's signals, a page at a time, each with what came of it.

import { ask } from "../shell/asking.js";
import { made } from "../shell/elements.js";
import * as formats from "../shell/formats.js";
import { SIGNS, word } from "../shell/signal_words.js";
import { time, timeElement } from "../shell/times.js";
import { ending, ofRow } from "./signal_state.js";
import { knownWords, outcomeWords } from "./outcome_words.js";

const ROWS = 25;
const FILTERS = ["timeframe", "direction"];
const NOT_MADE = "not_made_yet";

export class History {
  /** onShow(signal): the reader wants to see it on the chart. */
  constructor(page, panel, text, onShow) {
    this.page = page;
    this.panel = panel;
    this.text = text;
    this.onShow = onShow;
    this.venue = null;
    this.cursor = null;
    this.errors = [];
    this.none = false; // whether the ledger holds no signal of this coin at all
    this.links = { older: null, newer: null };
    for (const name of FILTERS) {
      text.element(`history-${name}`).addEventListener("change", () => this.begin());
    }
    for (const way of ["older", "newer"]) {
      text.element(way).addEventListener("click", () => this.turn(this.links[way]));
    }
    text.element("history").addEventListener("click", (event) => {
      const row = event.target.closest("button")?.closest("tr");
      if (row) this.onShow(this.signals[row.rowIndex - 1]);
    });
  }

  /** Ask again from the newest on; the venue is whose market runs. */
  begin(venue = this.venue) {
    this.venue = venue;
    this.turn(null);
  }

  turn(cursor) {
    this.cursor = cursor;
    this.refresh();
  }

  async refresh() {
    if (this.venue === null) return;
    this.aborting?.abort();
    this.aborting = new AbortController();
    const { signal } = this.aborting;
    this.panel.loading();
    this.none = false;
    const chosen = Object.fromEntries(FILTERS.map((name) => [name, this.text.element(`history-${name}`).value]));
    const asked = { symbol: this.page.symbol, venue: this.venue, limit: ROWS, cursor: this.cursor, ...chosen };
    try {
      this.show(await ask("/api/signals", asked, { signal }), chosen);
    } catch (refusal) {
      if (!signal.aborted) this.panel.failed(refusal, () => this.refresh());
    }
  }

  show(answer, chosen) {
    this.links = { older: cursorOf(answer.next), newer: cursorOf(answer.previous) };
    for (const [way, link] of Object.entries(this.links)) this.text.element(way).disabled = link === null;
    this.text.write("history-venue", `of ${this.venue} alone`);
    this.signals = answer.results.map((row) => ofRow(row));
    if (this.signals.length > 0) {
      this.write(JSON.stringify(answer.results));
      this.panel.ready();
      return;
    }
    const filtered = Object.values(chosen).some(Boolean);
    this.none = !filtered;
    this.panel.empty(filtered ? "No signal fits these filters." : this.nothing());
  }

  /** errors: why there is no signal of a timeframe, {timeframe, code, message} each. */
  explain(errors) {
    this.errors = errors;
    if (this.none) this.panel.empty(this.nothing());
  }

  // The next candle's close brings one only where nothing else is missing.
  nothing() {
    const missing = new Map();
    for (const { timeframe, code, message } of this.errors) {
      if (code === NOT_MADE) continue;
      missing.set(message, [...(missing.get(message) ?? []), timeframe]);
    }
    if (missing.size === 0) return "No signal yet: the first comes when a candle closes.";
    const told = [...missing].map(([message, timeframes]) => `${timeframes.join(", ")}: ${message}.`);
    return `No signal yet. ${told.join(" ")}`;
  }

  // Who goes through the rows by keyboard keeps their place when something new has come.
  write(key) {
    if (key === this.key) return;
    this.key = key;
    const body = this.text.element("history");
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    const href = focused?.closest("tr").querySelector("a").href;
    body.replaceChildren(...this.signals.map((each) => this.row(each)));
    if (!focused) return;
    const same = [...body.rows].find((row) => row.querySelector("a").href === href);
    same?.querySelector(focused.tagName)?.focus({ preventScroll: true });
  }

  row(signal) {
    const row = made("tr");
    const head = made("th");
    head.scope = "row";
    const link = made("a");
    link.href = `/signals/${signal.id}`;
    link.append(timeElement(signal.closeMs, "dateMinute"));
    head.append(link);
    row.append(
      head,
      cell(signal.timeframe, "text"),
      this.direction(signal),
      cell(formats.percent(signal.confidence, 0)),
      cell(formats.price(signal.entry, signal.symbol)),
      this.outcome(signal),
      gain(signal.outcome?.r_multiple),
      gain(signal.outcome?.r_after_fees),
      cell(signal.outcome?.tp_minutes == null ? formats.UNKNOWN : formats.span(signal.outcome.tp_minutes * 60_000)),
      showing(signal),
    );
    return row;
  }

  direction(signal) {
    const ways = { LONG: "up", SHORT: "down" };
    const element = cell(`${SIGNS[signal.direction]} `, `text ${ways[signal.direction] ?? "flat"}`);
    element.append(made("span", "word", word(signal.direction)));
    const why = this.page.reasons[signal.reason];
    if (why) element.title = why;
    return element;
  }

  outcome(signal) {
    const element = cell(outcomeWords(signal, this.page.ungradable), `text ${ending(signal)}`);
    if (!signal.outcome) element.title = knownWords(signal);
    for (const [is, told] of [[signal.superseded, "superseded"], [signal.late, "late"]]) {
      if (is) element.append(" ", made("span", "tag", told));
    }
    return element;
  }
}

function showing(signal) {
  const element = cell("");
  if (signal.direction === "NO_TRADE") return element;
  const show = made("button", "small", "Show");
  show.type = "button";
  show.setAttribute("aria-label", `Show ${time(signal.closeMs, "dateMinute")} on the chart`);
  element.append(show);
  return element;
}

function gain(value) {
  return cell(formats.signed(value), value > 0 ? "up" : value < 0 ? "down" : "");
}

function cell(text, className = "") {
  return made("td", className, text);
}

function cursorOf(link) {
  return link ? new URL(link, location.href).searchParams.get("cursor") : null;
}
