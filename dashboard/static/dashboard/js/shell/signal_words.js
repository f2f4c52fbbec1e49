// A signal in the words and signs that matrix and detail share.

import * as formats from "./formats.js";
import { time } from "./times.js";

export const SIGNS = { LONG: "▲", SHORT: "▼", NO_TRADE: "–" };
const STRONG = 0.7;
const WORDS = { LONG: "LONG", SHORT: "SHORT", NO_TRADE: "NO TRADE" };

export function word(direction) {
  return WORDS[direction];
}

export function expired(signal, nowMs) {
  return nowMs !== null && nowMs >= signal.valid_until_ts;
}

// Whether it is to stand out: a trade that may still be entered, of which the model is confident.
export function strong(signal, nowMs) {
  return signal.direction !== "NO_TRADE" && signal.confidence > STRONG && !expired(signal, nowMs);
}

// Whether its model can call no direction at all: then nothing about the cell is news.
export function quiet(signal) {
  return signal.reason === "no_skill_shown";
}

// How long it is still valid. In lock-step nobody knows the time: then until when.
export function validity(signal, nowMs) {
  if (nowMs === null) return `to ${time(signal.valid_until_ts)}`;
  return expired(signal, nowMs) ? "expired" : formats.countdown(signal.valid_until_ts - nowMs);
}

// A reason's code as it fits into a cell.
export function short(code) {
  return code.replaceAll("_", " ");
}
