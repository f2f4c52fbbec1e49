// A slot's story in sentences: who serves and why, who went before, who is on trial.

import { made } from "../shell/elements.js";
import { capital } from "../shell/sentences.js";
import { timeElement } from "../shell/times.js";
import { ORIGINS, days } from "./slot_words.js";

export function story(slot) {
  const list = made("ul", "story");
  list.dataset.testid = "story";
  const sentences = [serving(slot), before(slot), ...trials(slot)];
  if (slot.frozen) sentences.splice(1, 0, frozen(slot.frozen));
  list.append(...sentences.map((parts) => line(parts)));
  return list;
}

function serving({ champion }) {
  if (champion === null) return ["Nothing serves it: no file that lies here can be used."];
  const parts = [name(champion.version), " serves"];
  if (champion.since !== null) {
    return [...parts, " since ", at(champion.since), `: let in by ${champion.by}. ${capital(champion.why)}`];
  }
  return [...parts, champion.origin === null ? "; how it came there is not known." : `, ${ORIGINS[champion.origin]}.`];
}

function before({ previous }) {
  if (previous === null) return ["No other version served before it: there is nothing to roll back to."];
  return [name(previous), " served before it and goes on predicting unseen. Should the one that serves turn out worse, it takes its place again."];
}

function trials({ trials: all }) {
  const waiting = all.filter((each) => each.state === "shadow");
  if (!waiting.length) return [["Nobody is on trial."]];
  return waiting.map((each) => [
    name(each.version),
    each.days_left > 0
      ? ` is on trial for another ${days(each.days_left)}. Its predictions are recorded and shown to nobody. It is looked at once, on `
      : " has ended its trial; it is looked at once, from ",
    at(each.until),
    ": until then it is undecided, whatever its figures look like.",
  ]);
}

function frozen({ since, by, why }) {
  return ["Frozen since ", at(since), ` by ${by}: only a person changes what serves. ${capital(why)}`];
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
