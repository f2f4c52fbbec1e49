// How far inputs and outcomes have moved from what the champion learned from.

import { made } from "../shell/elements.js";
import { count } from "../shell/formats.js";
import { timeElement } from "../shell/times.js";
import { figure } from "./slot_words.js";
import { marked, table } from "./tables.js";

const FEATURES = ["Input", "PSI", "Bound", "KS distance", "n", "State"];
const OTHERS = ["Figure", "Of late", "Before", "n", "State"];

const AGAINST = { training: "what it learned from", ledger: "its own first days in the ledger" };

/** problem: why nothing was measured of late; null where it was. */
export function drift(told, problem) {
  const lacking = problem === null ? [] : [made("p", "note warned", `Not measured of late: ${problem}.`)];
  if (told === null) return lacking.length ? lacking : [made("p", "note", "Not measured yet: it is measured once an hour, as soon as there are predictions enough.")];
  const { measured_at: at, readings } = told;
  const whole = readings.filter((each) => each.symbol === null);
  const features = whole.filter((each) => each.kind === "feature");
  const others = whole.filter((each) => each.kind !== "feature");
  const head = made("p", "note");
  const [first] = readings;
  head.append("Measured ", timeElement(Date.parse(at), "dateMinute"));
  if (first) head.append(` of ${first.venue}, for `, made("code", "", first.version));
  const against = AGAINST[whole.find((each) => each.against)?.against];
  if (against) head.append(`, against ${against}`);
  head.append(". Drift begins a training run; it never promotes anything.");
  const parts = [...lacking, head];
  if (others.length) parts.push(table("Loss and calibration", OTHERS, others.map(other), "drifts"));
  if (features.length) parts.push(...tables(features, readings.filter((each) => each.symbol !== null)));
  if (!whole.length) parts.push(made("p", "note", "Too little was predicted to measure anything."));
  return parts;
}

function tables(features, coins) {
  const shown = features.filter((each) => each.drifted);
  const rest = features.filter((each) => !each.drifted);
  const parts = [];
  if (shown.length) parts.push(table("Inputs that drifted", FEATURES, shown.map((each) => feature(each, coins)), "drifts"));
  if (rest.length) {
    const fold = made("details", "fold");
    const judged = features.some((each) => each.drifted !== null);
    const none = judged ? `None of ${rest.length} inputs drifted` : `${rest.length} inputs, too early to tell`;
    const all = shown.length ? `Inputs as before (${rest.length})` : none;
    fold.append(made("summary", "", all), table("Inputs", FEATURES, rest.map((each) => feature(each, coins)), "drifts"));
    parts.push(fold);
  }
  return parts;
}

function feature({ name, value, bound, effect, drifted, n }, coins) {
  const of = coins.filter((each) => each.name === name).map((each) => each.symbol);
  const title = of.length ? `Drifted of ${of.join(", ")}` : "";
  return [name.replaceAll("_", " "), figure(value), figure(bound), figure(effect), count(n), { content: state(drifted), title }];
}

function other({ kind, name, value, reference, drifted, n }) {
  const title = kind === "loss" ? `loss: ${name}` : name;
  return [title.replaceAll("_", " "), figure(value), figure(reference), count(n), state(drifted)];
}

function state(drifted) {
  if (drifted === null) return made("span", "muted", "unknown");
  const [mark, words, className] = drifted ? ["▲", "drifted", "warned"] : ["✓", "as before", "good"];
  const element = marked(mark, "", className);
  element.append(` ${words}`);
  return element;
}
