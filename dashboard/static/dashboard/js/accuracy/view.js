// What the page shows, as its address says it: a link gives another reader the same view.

const WINDOW_DAYS = { "24h": 1, "7d": 7, "30d": 30 };
const DEFAULT_WINDOW = { forecasts: "7d", signals: "30d" };
// Timeframes together have hardly an interval: the stretches of one day are as long for all.
const DEFAULT_TIMEFRAME = "15m";
export const ALL = "all";
/** Filters that the heat map lets choose from: it is of all of them. */
export const PAIRS = { forecasts: ["symbol", "source"], signals: ["symbol", "timeframe"] };
const BEGINNING = "1970-01-01T00:00:00Z";

/** Filters that the API takes by the same name. */
export const FILTERS = ["venue", "symbol", "timeframe", "model_version", "role", "source"];
export const COSTS = ["fee_bp", "slippage_bp", "latency_ms"];
const ONLY = { timeframe: "signals", source: "forecasts" };
const NAMES = ["engine", "window", "from", "to", ...FILTERS, ...COSTS, "keep", "metric"];

export function readView(search) {
  const query = new URLSearchParams(search);
  const view = Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ""]));
  if (view.engine !== "signals") view.engine = "forecasts";
  if (view.engine === "signals") view.timeframe ||= DEFAULT_TIMEFRAME;
  if (view.from || view.to) view.window = "custom";
  else if (view.window !== "all" && !(view.window in WINDOW_DAYS) && view.window !== "custom") {
    view.window = DEFAULT_WINDOW[view.engine];
  }
  return view;
}

/** The address of a view, without what is so by itself. */
export function writeView(view) {
  const query = new URLSearchParams({ engine: view.engine });
  for (const name of NAMES.slice(1)) {
    const meant = view[name] !== "" && view[name] !== null && applies(view, name);
    const itself =
      (name === "window" && (view.window === DEFAULT_WINDOW[view.engine] || custom(view))) ||
      (name === "timeframe" && view.timeframe === DEFAULT_TIMEFRAME);
    if (meant && !itself) query.set(name, view[name]);
  }
  return `?${query}`;
}

/** The API's parameters for the record that is shown. */
export function question(view) {
  return { engine: view.engine, ...chosen(view, FILTERS), ...windowOf(view) };
}

/** The same of every pair that the heat map has a cell for. */
export function mapQuestion(view) {
  const pair = PAIRS[view.engine];
  const others = FILTERS.filter((name) => !pair.includes(name));
  return { engine: view.engine, ...chosen(view, others), ...windowOf(view), by: pair.join(",") };
}

/** The same of the costs that are filled in. */
export function costsOf(view) {
  return Object.fromEntries(COSTS.map((name) => [name, view[name]]));
}

/** Parameters of the list of rows that a record is of; told: the record, with its venue. */
export function rowsOf(view, told) {
  const rows = chosen(view, FILTERS.slice(1));
  return { format: "csv", late: "false", venue: told.venue, from: told.from, to: told.to, ...rows };
}

function chosen(view, names) {
  const meant = names.filter((name) => applies(view, name) && view[name] !== ALL);
  return Object.fromEntries(meant.map((name) => [name, view[name]]));
}

function windowOf(view) {
  if (view.window === "all") return { from: BEGINNING };
  if (view.window === "custom") return { from: utc(view.from), to: utc(view.to) };
  return { days: WINDOW_DAYS[view.window] };
}

// An input gives a time without its zone, and says beside it that UTC is meant.
function utc(text) {
  return text && !/Z|[+-]\d\d:\d\d$/.test(text) ? `${text}Z` : text;
}

function custom(view) {
  return view.window === "custom" && (view.from || view.to);
}

function applies(view, name) {
  if ((name === "from" || name === "to") && view.window !== "custom") return false;
  return (ONLY[name] ?? view.engine) === view.engine;
}
