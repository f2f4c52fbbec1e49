// What predictions of this market and model came to so far: the record, not of this one alone.

import { ask } from "../shell/asking.js";
import { percent } from "../shell/formats.js";

let asked = null;

/** Write it into #live-accuracy; asked for once a page. */
export async function showLiveAccuracy(page) {
  asked ??= ask(page.recordUrl);
  let told;
  try {
    told = page.kind === "signal" ? ofSignals(await asked) : ofForecasts(await asked);
  } catch (refusal) {
    asked = null;
    told = [refusal.denied ? "not for you: log in" : "not told now", ""];
  }
  const [figure, rest] = told;
  const note = document.createElement("span");
  note.className = "muted";
  note.textContent = rest;
  document.getElementById("live-accuracy")?.replaceChildren(figure, " ", note);
}

function ofSignals({ overall: { accuracy }, minimum_n: least }) {
  if (accuracy.value === null) return ["not measured yet", `n = ${accuracy.n}, needs ${least}`];
  return [percent(accuracy.value), beside(interval(accuracy), `n = ${accuracy.n}`)];
}

function ofForecasts({ overall: { hit_rate: hits }, minimum_n: least }) {
  if (hits.value === null) return ["not measured yet", `n = ${hits.n}, needs ${least}`];
  return [percent(hits.value), beside("direction", interval(hits), `n = ${hits.n}`)];
}

function interval({ lower, upper }) {
  return lower == null ? "" : `${percent(lower)} to ${percent(upper)}`;
}

function beside(...told) {
  return told.filter((each) => each !== "").join(", ");
}
