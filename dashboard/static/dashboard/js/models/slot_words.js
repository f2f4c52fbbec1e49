// What slots, runs and deeds are called on the page.

import { UNKNOWN, count, fixed } from "../shell/formats.js";

export const ORIGINS = { shipped: "shipped with cryptosite", trained: "trained here", imported: "imported" };
export const STATES = {
  candidate: "being judged",
  shadow: "on trial",
  champion: "serves",
  previous: "served before",
  rejected: "rejected",
  retired: "retired",
};
export const STAGES = { out_of_sample: "out of sample", shadow: "on trial" };
export const TRIGGERS = { schedule: "on schedule", drift: "because of drift", hand: "by hand" };
export const RUNS = {
  running: ["running", ""],
  on_trial: ["challenger on trial", ""],
  rejected: ["rejected by the gate", "warn"],
  promoted: ["promoted", "good"],
  unchanged: ["nothing new", ""],
  failed: ["failed", "bad"],
  dropped: ["dropped", ""],
};
export const STEPS = {
  dataset: "making the dataset",
  walk_forward: "judging it walk-forward",
  challenger: "fitting the challenger",
  gate: "asking the first gate",
  shadow: "waiting for its trial",
  promotion: "asking the second gate",
};
// Mark and words of what was done; the mark is for eyes, the words say the same.
export const DEEDS = {
  trial: ["○", "put on trial"],
  promote: ["▲", "promoted"],
  rollback: ["▼", "rolled back to"],
  reject: ["✕", "rejected"],
  retire: ["–", "retired"],
  freeze: ["■", "frozen"],
  unfreeze: ["□", "unfrozen"],
};

const ASKED = [[/^(lead )?> /, "above "], [/^< /, "below "], [/^>= /, "at least "], [/^<= /, "at most "]];

/** What a criterion asks for, in words. */
export function asked(bound) {
  return ASKED.reduce((text, [sign, words]) => text.replace(sign, words), bound);
}

/** Mark, words and class of a criterion's answer; null: nobody said whether it passed. */
export function answered(passed) {
  if (passed === null) return ["–", "not told", "muted"];
  return passed ? ["✓", "passed", "good"] : ["✗", "failed", "down"];
}

export function slotTitle({ engine, timeframe }) {
  return engine === "forecasts" ? "Forecast, 10 seconds" : `Signals ${timeframe}`;
}

/** A figure of any size in four digits; whole numbers as they are; unknown in words of the page. */
export function figure(value) {
  if (value == null) return UNKNOWN;
  if (Number.isInteger(value)) return count(value).replace("-", "−");
  const size = Math.abs(value);
  if (size < 0.0001) return value > 0 ? "< 0.0001" : "> −0.0001";
  return fixed(value, size >= 1_000 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 4);
}

/** Days as a reader counts them: 5.2 days, 3.5 hours, 20 minutes. */
export function days(value) {
  if (value >= 1) return `${fixed(value, value < 10 ? 1 : 0)} days`;
  return value * 24 >= 1 ? `${fixed(value * 24, 1)} hours` : `${Math.ceil(value * 1_440)} minutes`;
}
