// What a model's manifest says of it beside the figures: training, calibration, gate, files, card.

import { made } from "../shell/elements.js";
import { UNKNOWN, count, fixed, percent } from "../shell/formats.js";
import { timeElement } from "../shell/times.js";
import { answered, asked, figure } from "./slot_words.js";

export function facts(model) {
  const list = made("dl", "facts");
  const training = model.training;
  add(list, "Trained on", training?.from ? span(training.from, training.to) : UNKNOWN);
  add(list, "Rows", count(training?.rows));
  add(list, "Markets learned from", training ? named(training.symbols) : UNKNOWN);
  add(list, "Serves", named(model.serves));
  if (model.engine === "signals") {
    add(list, "Accuracy, 3 classes", percent(model.accuracy));
    add(list, "Threshold", model.threshold === null ? UNKNOWN : model.threshold >= 1 ? "1: calls no direction" : fixed(model.threshold, 3));
    add(list, "R and horizon", `${model.barrier_atr === null ? UNKNOWN : `${fixed(model.barrier_atr, 1)} ATR`}, ${model.horizon_candles ?? UNKNOWN} candles`);
  } else {
    add(list, "Horizon", model.horizon_seconds === null ? UNKNOWN : `${model.horizon_seconds} s`);
  }
  add(list, "Made", model.created_at ? timeElement(Date.parse(model.created_at), "dateMinute") : UNKNOWN);
  add(list, "SHA-256", digest(model.digest));
  return list;
}

export function calibration(model) {
  const rows = flat(model.calibration ?? {});
  if (!rows.length) return made("p", "note", "Calibration: not told.");
  const details = folded("Calibration");
  const list = made("dl", "facts");
  for (const [name, value] of rows) add(list, name, value);
  details.append(list);
  return details;
}

export function leaks({ leak_alarms: alarms }) {
  if (alarms === null) return made("p", "note", "Leak alarms: not told.");
  if (!alarms.length) return made("p", "note", "Leak alarms: none.");
  const details = folded(`Leak alarms (${alarms.length})`);
  details.querySelector("summary").className = "warned";
  const list = made("ul", "criteria");
  list.append(...alarms.map((each) => made("li", "", each)));
  details.append(list);
  return details;
}

export function gate(model) {
  if (!model.gate) return made("p", "note", "Gate: not told.");
  const { passed, criteria, objections, best_baseline: best, network } = model.gate;
  const details = folded(passed ? `Gate: the ${network} passed` : `Gate: the ${network} did not pass`);
  details.dataset.testid = "gate";
  details.querySelector("summary").className = passed ? "good" : "warned";
  if (best) details.append(made("p", "muted", `Best baseline: ${best}.`));
  const list = made("ul", "criteria");
  for (const each of criteria) {
    const figured = each.figure === null ? "unknown" : figure(each.figure);
    list.append(criterion(each.passed, `${each.name}: ${figured}; asked: ${asked(each.asked)}`, each.meaning));
  }
  if (!criteria.length) for (const each of objections) list.append(criterion(false, each));
  details.append(list);
  return details;
}

export function files(model) {
  const details = folded(`Files (${model.files.length || 1})`);
  details.append(made("p", "muted", model.path));
  for (const { name, sha256 } of model.files) {
    const line = made("p", "file");
    line.append(made("code", "", name), " ", digest(sha256));
    details.append(line);
  }
  return details;
}

/** The card's text, fetched when it is opened, shown as the plain text that it is. */
export function cardText(model) {
  if (!model.card) return made("p", "note", "It has no card.");
  const details = folded("Model card");
  details.dataset.testid = "card-text";
  const text = made("pre", "card-text");
  text.tabIndex = 0;
  const link = made("a", "", "Open it alone");
  link.href = model.card;
  details.append(text, link);
  let read = false;
  details.addEventListener("toggle", async () => {
    if (!details.open || read) return;
    try {
      const answer = await fetch(model.card);
      text.textContent = answer.ok ? await answer.text() : `The server answered ${answer.status}.`;
      read = answer.ok;
    } catch {
      text.textContent = "The server does not answer. Close this and open it to ask again.";
    }
  });
  return details;
}

function add(list, term, value) {
  const definition = made("dd");
  definition.append(value);
  list.append(made("dt", "", term), definition);
}

function digest(text) {
  const line = made("span", "digest");
  const shown = made("code", "", `${text.slice(0, 12)}…`);
  shown.title = text;
  const button = made("button", "small", "Copy");
  button.type = "button";
  button.dataset.copy = text;
  button.setAttribute("aria-label", `Copy the digest ${text.slice(0, 12)}`);
  line.append(shown, " ", button);
  return line;
}

function span(from, to) {
  const line = made("span");
  line.append(timeElement(Date.parse(from), "date"), " – ", timeElement(Date.parse(to), "date"));
  return line;
}

function named(symbols) {
  if (symbols.length <= 3) return symbols.join(", ") || UNKNOWN;
  const line = made("span", "", `${symbols.length} coins`);
  line.title = symbols.join(", ");
  return line;
}

function folded(title) {
  const details = made("details", "fold");
  details.append(made("summary", "", title));
  return details;
}

function criterion(passed, text, meaning = null) {
  const [sign, words, className] = answered(passed);
  const item = made("li");
  const mark = made("span", className, `${sign} `);
  mark.setAttribute("aria-hidden", "true");
  item.append(mark, made("span", className, words), `, ${text}`);
  if (meaning) item.append(made("span", "meaning", meaning));
  return item;
}

function flat(value, prefix = "") {
  return Object.entries(value).flatMap(([name, each]) => {
    const path = (prefix ? `${prefix} ${name}` : name).replaceAll("_", " ");
    if (each !== null && typeof each === "object" && !Array.isArray(each)) return flat(each, path);
    return [[path, written(each)]];
  });
}

function written(value) {
  if (value === null) return UNKNOWN;
  if (typeof value === "number") return Number.isInteger(value) ? value.toLocaleString("en-US") : fixed(value, 4);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return Array.isArray(value) ? value.map(written).join(", ") : String(value);
}
