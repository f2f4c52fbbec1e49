// What the gates asked of a version, and how it answered: each criterion with its figure.

import { made } from "../shell/elements.js";
import { count } from "../shell/formats.js";
import { timeElement } from "../shell/times.js";
import { STAGES, answered, asked as askedFor, figure } from "./slot_words.js";
import { marked, table, tag } from "./tables.js";

const HEADS = ["What is asked", "Figure", "Asked for", "Answer"];

export class GatePanel {
  constructor(element) {
    this.element = element;
    this.chosen = null;
    this.key = "";
  }

  /** champion: what serves; how it was judged is shown first. */
  show(verdicts, champion) {
    const key = JSON.stringify([verdicts, champion]);
    if (key === this.key) return;
    this.key = key;
    if (!verdicts.length) {
      this.element.replaceChildren(made("p", "note", "No version has been before a gate yet. What ships was judged when it was made: its card says how."));
      return;
    }
    const choices = made("select");
    choices.setAttribute("aria-label", "Judgement");
    choices.append(...verdicts.map(option));
    const body = made("div");
    choices.addEventListener("change", () => {
      this.chosen = Number(choices.value);
      body.replaceChildren(...judged(find(verdicts, this.chosen, champion)));
    });
    const verdict = find(verdicts, this.chosen, champion);
    choices.value = String(verdict.id);
    body.append(...judged(verdict));
    this.element.replaceChildren(choices, body);
  }
}

export function judged(verdict) {
  const { challenger, against, passed, criteria, n, n_eff: independent, stage, decided_at: at } = verdict;
  const head = made("p", "judged");
  head.append(tag(passed ? "passed" : "did not pass", passed ? "good" : "warn"), " ");
  head.append(made("code", "", challenger), " against ", made("code", "", against), `, ${STAGES[stage] ?? stage}, `);
  head.append(timeElement(Date.parse(at), "dateMinute"), `; ${count(n)} decisions, worth ${count(independent)} independent ones`);
  if (!criteria.length) return [head, made("p", "note", "No criterion was asked, which is no pass.")];
  return [head, table(`Criteria for ${challenger}`, HEADS, criteria.map(line), "asked")];
}

function line({ name, meaning, figure: value, asked, passed }) {
  const [mark, words, className] = answered(passed);
  const question = made("span", "question", name);
  if (meaning) question.append(made("span", "meaning", meaning));
  const answer = marked(mark, "", className);
  answer.append(` ${words}`);
  return [
    question,
    value === null ? { content: "unknown", className: "muted" } : figure(value),
    { content: askedFor(asked), className: "text" },
    { content: answer, className: "text" },
  ];
}

function option({ id, challenger, stage, passed, decided_at: at }) {
  const element = made("option", "", `${at.slice(0, 10)}: ${challenger}, ${STAGES[stage] ?? stage}, ${passed ? "passed" : "did not pass"}`);
  element.value = String(id);
  return element;
}

function find(verdicts, id, champion) {
  return verdicts.find((each) => each.id === id) ?? verdicts.find((each) => each.challenger === champion) ?? verdicts[0];
}
