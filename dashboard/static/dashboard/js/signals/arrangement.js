// Which rows are shown and in which order. A row: {symbol, index, change, cells: Map of timeframe
// to {signal, error}}. Nothing here touches the page.

import { expired, quiet, strong } from "../shell/signal_words.js";
import { DIRECTIONS } from "./view.js";

/** The rows that the view shows, in its order. */
export function arranged(rows, view, nowMs) {
  const shown = rows.filter((row) => rowShown(row, view, nowMs));
  if (view.sort === "list" && !view.falling) return shown;
  const keyed = shown.map((row) => ({ row, value: sortValue(row, view, nowMs) }));
  keyed.sort((one, other) => compare(one, other, view.falling));
  return keyed.map(({ row }) => row);
}

/** Whether the cell is what the filters ask for; so is every cell where they ask for nothing. */
export function cellShown({ signal }, view, nowMs) {
  if (!asksOfCells(view)) return true;
  if (signal === null) return false;
  if (view.strong && !strong(signal, nowMs)) return false;
  if (view.open && !enterable(signal, nowMs)) return false;
  return view.directions.size === 0 || [...view.directions].some((each) => DIRECTIONS[each] === signal.direction);
}

/** Whether it may still be entered. Where nobody knows the time, every trade may. */
export function enterable(signal, nowMs) {
  return signal !== null && signal.direction !== "NO_TRADE" && !expired(signal, nowMs);
}

/** How many of the timeframes shown said LONG and SHORT, whether they have expired or not. */
export function agreement(row, view) {
  const told = { LONG: 0, SHORT: 0 };
  for (const { signal } of shownCells(row, view)) if (signal && signal.direction in told) told[signal.direction] += 1;
  return told;
}

function rowShown(row, view, nowMs) {
  const wanted = view.q.replace(/[^a-z0-9]/gi, "").toUpperCase();
  if (!row.symbol.includes(wanted)) return false;
  const cells = shownCells(row, view);
  if (view.hide && cells.every(({ signal }) => signal === null || quiet(signal))) return false;
  return !asksOfCells(view) || cells.some((cell) => cellShown(cell, view, nowMs));
}

function shownCells(row, view) {
  return [...view.timeframes].map((timeframe) => row.cells.get(timeframe));
}

function asksOfCells(view) {
  return view.directions.size > 0 || view.open || view.strong;
}

// A number or text; null, which comes last either way, where there is nothing to sort by.
function sortValue(row, view, nowMs) {
  if (view.sort === "list") return row.index;
  if (view.sort === "symbol") return row.symbol;
  if (view.sort === "change") return row.change;
  if (view.sort === "left") return soonest(row, view, nowMs);
  if (view.sort === "agreement") return weight(row, view);
  return confidence(row.cells.get(view.sort).signal, nowMs);
}

// What can be entered before what has expired, and both before what is no trade at all.
function confidence(signal, nowMs) {
  if (signal === null || quiet(signal)) return null;
  const rank = signal.direction === "NO_TRADE" ? 0 : expired(signal, nowMs) ? 1 : 2;
  return rank * 10 + signal.confidence;
}

function soonest(row, view, nowMs) {
  const open = shownCells(row, view).filter(({ signal }) => enterable(signal, nowMs));
  return open.length ? Math.min(...open.map(({ signal }) => signal.valid_until_ts)) : null;
}

// The majority less the minority; of equals the one that is surer on the whole.
function weight(row, view) {
  const { LONG, SHORT } = agreement(row, view);
  if (LONG + SHORT === 0) return null;
  const trades = shownCells(row, view).filter(({ signal }) => signal && signal.direction !== "NO_TRADE");
  return Math.abs(LONG - SHORT) * 10 + trades.reduce((sum, { signal }) => sum + signal.confidence, 0);
}

function compare(one, other, falling) {
  if (one.value === null || other.value === null) {
    const missing = (one.value === null) - (other.value === null);
    return missing || one.row.index - other.row.index;
  }
  const way = one.value < other.value ? -1 : one.value > other.value ? 1 : 0;
  return (falling ? -way : way) || one.row.index - other.row.index;
}
