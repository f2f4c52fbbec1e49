// What is wrong with the signals as a whole, in a sentence, or null.

import { staleness } from "../shell/page_head.js";
import { time } from "../shell/times.js";

const OVERDUE_MS = 60_000;

export function problem(state, page) {
  const stale = staleness(state.dataAge(), state.clock.patience(page.maxFeatureAgeMs));
  if (stale) return stale;
  if (!state.clock.health.processes.signals?.status) return "The signal loop is not running: no new signals.";
  if (state.signals.size === 0) return nothing(state);
  return page.timeframes.map((each) => overdue(state, each)).find((each) => each !== null) ?? null;
}

function nothing(state) {
  if (state.errors.size > 0) return "No coin has a signal; each cell says why.";
  return "No signal yet: the first comes when a candle closes.";
}

function overdue(state, { name, ms }) {
  const now = state.clock.now();
  const newest = state.newestClose(name);
  if (now === null || newest === null) return null;
  const due = Math.floor(now / ms) * ms;
  const late = newest < due && state.clock.wall(now - newest - ms) > state.clock.patience(OVERDUE_MS);
  return late ? `The ${name} candle that closed at ${time(due)} brought no signal yet.` : null;
}
