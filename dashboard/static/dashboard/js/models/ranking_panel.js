// All versions of a slot on one ledger, the best first, beside the champion and the baselines.

import { Refusal, ask } from "../shell/asking.js";
import { made } from "../shell/elements.js";
import { UNKNOWN, count, fixed } from "../shell/formats.js";
import { sentence } from "../shell/sentences.js";
import { timeElement } from "../shell/times.js";
import { STATES } from "./slot_words.js";
import { table } from "./tables.js";

const RENEW_MS = 300_000;
const PERCENT = new Set(["hit_rate", "coverage", "accuracy", "log_loss_skill", "against_champion"]);
const AGAINST = ["against_champion", "Loss saved against who serves"];
const COLUMNS = {
  r2: [["r2", "R²"], AGAINST, ["mae_ratio", "Error over that of no change"], ["hit_rate", "Hit rate"], ["coverage", "Inside the 90 % interval"]],
  log_loss_skill: [["log_loss_skill", "Log-loss skill"], AGAINST, ["hit_rate", "Hit rate, given a touch"], ["accuracy", "Accuracy"]],
};
const RULE = "Each version's own figures, of the same stretch of time; against who serves, of decisions that both answered. It may be looked at as often as one likes: nothing is decided by it.";

export class RankingPanel {
  constructor(element) {
    this.element = element;
    this.slot = "";
    this.askedAt = 0;
  }

  /** Ask for a slot's ranking where it is another, or of some minutes ago. */
  async show(slot) {
    const now = Date.now();
    if (slot === this.slot && now - this.askedAt < RENEW_MS) return;
    if (slot !== this.slot) this.element.replaceChildren(made("p", "note", "It is being added up…"));
    this.slot = slot;
    this.askedAt = now;
    try {
      const told = await ask("/api/models/ranking", { slot });
      if (slot === this.slot) this.element.replaceChildren(...ranking(told));
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      this.askedAt = 0; // asked again at the next look
      if (slot === this.slot) this.element.replaceChildren(made("p", "note", sentence(refusal.message)));
    }
  }
}

function ranking({ venue, from_ms: from, to_ms: to, measure, versions, baselines, champion }) {
  if (!versions.length) return [made("p", "note", `No version has a prediction in ${venue} yet: there is nothing to rank.`)];
  const columns = COLUMNS[measure];
  const heads = ["Version", "State", "n", ...columns.map(([, title]) => title)];
  const rows = versions.map((each) => [made("code", "", each.version), { content: standing(each, champion), className: "text" }, count(each.n), ...columns.map(([key]) => cell(each[key], key))]);
  for (const each of baselines) {
    rows.push([made("span", "muted", each.name), { content: "baseline", className: "text" }, "", ...columns.map(([key]) => (each[key] == null ? "" : written(each[key], key)))]);
  }
  const head = made("p", "note", `On the ledger of ${venue}, `);
  head.append(timeElement(from, "dateMinute"), " – ", timeElement(to, "dateMinute"), `. ${RULE}`);
  return [table("Ranking", heads, rows, "ranking"), head];
}

function standing({ version, state }, champion) {
  return version === champion ? STATES.champion : (STATES[state] ?? "not registered");
}

function cell(told, key) {
  if (!told || told.value === null) return { content: UNKNOWN, title: told ? `too few: n ${count(told.n)}` : "" };
  const content = made("span", "", written(told.value, key));
  if (told.lower !== null && told.upper !== null) {
    content.append(made("span", "ends", `${ends(told.lower, key)} … ${ends(told.upper, key)}`));
  }
  return { content, title: `95 % interval, n ${count(told.n)}` };
}

function written(value, key) {
  return PERCENT.has(key) ? `${fixed(value * 100, 2)} %` : fixed(value, 3);
}

function ends(value, key) {
  return PERCENT.has(key) ? fixed(value * 100, 2) : fixed(value, 3);
}
