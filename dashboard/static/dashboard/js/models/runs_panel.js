// Training runs, the newest first; what a run tried is asked for when it is opened.

import { ask } from "../shell/asking.js";
import { made } from "../shell/elements.js";
import { UNKNOWN, count, fixed } from "../shell/formats.js";
import { sentence } from "../shell/sentences.js";
import { timeElement } from "../shell/times.js";
import { judged } from "./gate_panel.js";
import { RUNS, STEPS, TRIGGERS, figure } from "./slot_words.js";
import { marked, table, tag } from "./tables.js";

const HEADS = ["No.", "Tried", "Settings", "Loss", "What came of it"];

export class RunsPanel {
  constructor(element) {
    this.element = element;
    this.key = "";
    this.open = new Map(); // what a run said when it was opened, by id
  }

  /** next: what the schedule says of the next run, in words. */
  show(runs, next) {
    const key = JSON.stringify([runs, next]);
    if (key === this.key) return;
    this.key = key;
    const said = made("p", "note", runs.length ? next : `Nothing was retrained yet. ${next}`);
    const opened = new Set([...this.element.querySelectorAll("details[open]")].map((each) => each.dataset.run));
    this.element.replaceChildren(...runs.map((run) => this.item(run, opened)), said);
  }

  item(run, opened) {
    const element = made("details", "run");
    element.dataset.run = String(run.id);
    element.dataset.testid = `run-${run.id}`;
    const [words, kind] = RUNS[run.state] ?? [run.state, ""];
    const summary = made("summary");
    summary.append(timeElement(Date.parse(run.started_at), "dateMinute"), " ", tag(words, kind), made("span", "muted", ` ${aside(run)}`));
    const body = made("div");
    const told = made("p", "", sentence(run.message ?? `It is ${STEPS[run.step]}`));
    element.append(summary, told, body);
    element.addEventListener("toggle", () => element.open && this.fill(run, body));
    if (opened.has(element.dataset.run)) element.open = true;
    return element;
  }

  async fill(run, body) {
    try {
      body.replaceChildren(...report(await ask(`/api/models/runs/${run.id}`)));
    } catch (refusal) {
      body.replaceChildren(made("p", "note", `${sentence(refusal.message)} Close this and open it to ask again.`));
    }
  }
}

function aside({ trigger, cause, trials, version }) {
  const began = TRIGGERS[trigger] ?? trigger;
  const tried = trials === 0 ? "nothing tried" : trials === 1 ? "one variant tried" : `${count(trials)} variants tried`;
  return [cause ? `${began} (${cause})` : began, tried, version && `challenger ${version}`].filter(Boolean).join(" · ");
}

function report(run) {
  const facts = made("p", "muted");
  facts.append(`From ${run.source ?? "an unknown source"}, ${run.venue ?? "an unknown market"}, of ${run.symbols.join(", ") || UNKNOWN}. Data `);
  facts.append(made("code", "", run.data_digest?.slice(0, 12) ?? UNKNOWN), ".");
  const parts = [facts];
  if (run.tried.length) parts.push(table(`What run ${run.id} tried`, HEADS, run.tried.map(variant), "tried"));
  else parts.push(made("p", "note", "It came to an end before anything was tried."));
  for (const verdict of run.verdicts) parts.push(...judged(verdict));
  return parts;
}

function variant({ number, model, params, loss, metrics, chosen }) {
  const result = made("span");
  if (chosen) result.append(marked("▲", "", "good"), " became the challenger");
  else if (loss === null) result.append(marked("✗", "", "down"), ` failed: ${metrics.why ?? "it diverged"}`);
  else result.append("not chosen");
  return [String(number), { content: model, className: "text" }, { content: settings(params), className: "text" }, fixed(loss, 4), { content: result, className: "text" }];
}

function settings(params) {
  const told = Object.entries(params).map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "number" ? figure(value) : String(value)}`);
  return told.join(", ") || "as they are set";
}
