// The rollback watch: how far it is shown that what serves loses to what served before.

import { made } from "../shell/elements.js";
import { UNKNOWN, count } from "../shell/formats.js";
import { sentence } from "../shell/sentences.js";
import { figure } from "./slot_words.js";

const STANDINGS = {
  frozen: "It loses, but is frozen: only a person changes what serves.",
  nothing_before: "It loses, and there is no earlier version to go back to.",
  refused: "It loses, and going back failed.",
};

export function watch({ watch: told, champion }) {
  if (told === null || told.version !== champion?.version) {
    return [made("p", "note", "Nothing is watched: no promoted version serves, or the recorder has said nothing of late.")];
  }
  const loses = STANDINGS[told.standing];
  const first = made("p", loses ? "warned" : "");
  first.append(loses ? `${loses} ` : words(told));
  if (told.problem) first.append(sentence(told.problem));
  const facts = made("dl", "facts");
  add(facts, "Evidence that it loses", `${figure(told.e_value)} of ${figure(told.threshold)}`);
  add(facts, "Held against", told.against);
  add(facts, "Its mean loss less that one's", figure(told.difference));
  add(facts, "Decisions", `${count(told.n)}, in ${count(told.blocks)} stretches of time`);
  add(facts, "Market", told.venue);
  const rule = made("p", "note", "Evidence is what a stake of 1 on its losing has become: it seldom grows by chance, however often it is looked at. At the bound the version before takes over by itself.");
  return [first, facts, rule];
}

function words({ difference, e_value: value }) {
  if (difference === null) return "Too little was graded to say anything yet.";
  if (value !== null && value > 10) return "It looks worse than what it is held against.";
  return difference > 0 ? "It is a little behind, by no more than chance explains." : "Nothing speaks against it.";
}

function add(list, term, text) {
  list.append(made("dt", "", term), made("dd", "", text || UNKNOWN));
}
