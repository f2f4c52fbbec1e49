// What became of a signal, in words with a sign that says it without colour.

import { time } from "../shell/times.js";
import { ending } from "./signal_state.js";

const ENDING_SIGNS = { hit: "●", miss: "✕", flat: "–", open: "○", none: "·" };

const HORIZON_CANDLES = 12;
const RESULTS = {
  take_profit: "target 1 reached",
  stop_loss: "stopped out",
  timed_out: "timed out",
};
const TOUCHED = { LONG: "rose by 1 R first", SHORT: "fell by 1 R first", NO_TRADE: "moved less than 1 R" };

/** ungradable: code → text. */
export function outcomeWords(signal, ungradable) {
  return `${ENDING_SIGNS[ending(signal)]} ${told(signal, ungradable)}`;
}

function told(signal, ungradable) {
  const { outcome } = signal;
  if (!outcome) return "not over yet";
  if (outcome.status !== "graded") return `not gradable: ${ungradable[outcome.reason] ?? outcome.reason}`;
  return RESULTS[outcome.result] ?? TOUCHED[outcome.touched] ?? outcome.result;
}

/** When what came of it is known: its twelve candles are over then. */
export function knownWords({ openMs, closeMs }) {
  return `known ${time(closeMs + HORIZON_CANDLES * (closeMs - openMs), "dateMinute")}`;
}
