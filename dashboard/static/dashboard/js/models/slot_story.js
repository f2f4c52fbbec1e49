// A slot's story in sentences: who serves and why, who went before, who is on trial.

import { made } from "../shell/elements.js";
import { count } from "../shell/formats.js";
import { capital, sentence } from "../shell/sentences.js";
import { timeElement } from "../shell/times.js";
import { ORIGINS, days } from "./slot_words.js";

const TRIALS_SHOWN = 4;

/** card: of what serves, where it has one on this page. heard: whether Redis answers. */
export function story(slot, card, heard) {
  const list = made("ul", "story");
  list.dataset.testid = "story";
  const waiting = trials(slot, heard);
  const sentences = [[...serving(slot), ...figures(slot, card)], before(slot), ...waiting.slice(0, TRIALS_SHOWN)];
  if (slot.frozen) sentences.splice(1, 0, frozen(slot.frozen));
  list.append(...sentences.map((parts) => line(parts)));
  if (waiting.length > TRIALS_SHOWN) list.append(line([folded(waiting.slice(TRIALS_SHOWN))]));
  return list;
}

function serving({ champion }) {
  if (champion === null) return ["Nothing serves it: no file that lies here can be used."];
  const parts = [name(champion.version), " serves"];
  if (champion.since !== null) {
    const done = champion.action === "rollback" ? "put back" : "promoted";
    return [...parts, " since ", at(champion.since), `, ${done} by ${champion.by}: ${sentence(champion.why)}`];
  }
  return [...parts, champion.origin === null ? "; how it came there is not known." : `, ${ORIGINS[champion.origin]}.`];
}

function figures({ champion }, card) {
  if (!card) return [];
  if (champion.origin === "imported") return [" No gate has judged it."];
  const link = made("a", "", "its figures beside the baselines");
  link.href = `#model-${card.id}`;
  return [" What it was shown to do: ", link, "."];
}

function before({ previous }) {
  if (previous === null) return ["No other version served before it: there is nothing to roll back to."];
  return [name(previous), " served before it and goes on predicting unseen. Should the one that serves turn out worse, it takes its place again."];
}

function trials({ trials: all }, heard) {
  const waiting = all.filter((each) => each.state === "shadow");
  if (!waiting.length) return [["Nobody is on trial."]];
  return waiting.map((each) => [name(each.version), " is on trial: its predictions are recorded and shown to nobody. ", ...judging(each, heard), ...(heard ? speaking(each) : [])]);
}

function judging({ run, market, until, days_left: left, prolonged }, heard) {
  if (run === null) return ["A person put it there, and only a person promotes or rejects it."];
  const more = prolonged ? ", prolonged for want of decisions" : "";
  const undecided = `${more}. Until then it is undecided, whatever its figures look like.`;
  if (!heard) return ["While Redis does not answer, it is not known how long it stays there", undecided];
  if (left === null) return [`It is tried in ${market}, which does not run now: it waits`, undecided];
  if (left === 0) return ["Its time is over; it is looked at once, and then decided."];
  return [`It is looked at once, in ${days(left)}, on `, at(until), undecided];
}

function speaking({ voice }) {
  if (voice === null) return [made("span", "warned", " It does not speak: run_shadow does not run, or has not taken it up yet.")];
  if (voice.message) return [made("span", "warned", ` ${capital(voice.message)}.`)];
  if (voice.said === null) return [];
  const skipped = voice.skipped ? `, ${count(voice.skipped)} skipped` : "";
  return [` It spoke ${count(voice.said)} times since its start${skipped}.`];
}

function frozen({ since, by, why }) {
  return ["Frozen since ", at(since), ` by ${by}: only a person changes what serves. ${sentence(why)}`];
}

function folded(waiting) {
  const fold = made("details");
  const list = made("ul", "story");
  list.append(...waiting.map((parts) => line(parts)));
  fold.append(made("summary", "", `${waiting.length} more on trial`), list);
  return fold;
}

function line(parts) {
  const item = made("li");
  item.append(...parts);
  return item;
}

function name(version) {
  return made("code", "", version);
}

function at(text) {
  return timeElement(Date.parse(text), "dateMinute");
}
