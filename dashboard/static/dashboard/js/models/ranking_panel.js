// All versions of a slot on one ledger, by what they save of the champion's loss on decisions that
// both answered. What cannot be compared yet stands apart, and each version's own figures are
// folded away: they are of other hours.

import { Refusal, ask } from "../shell/asking.js";
import { made } from "../shell/elements.js";
import { UNKNOWN, count, fixed } from "../shell/formats.js";
import { Panel } from "../shell/panel.js";
import { timeElement } from "../shell/times.js";
import { STATES } from "./slot_words.js";
import { marked, table } from "./tables.js";

const RENEW_MS = 300_000;
const PERCENT = new Set(["hit_rate", "coverage", "accuracy", "log_loss_skill", "against_champion"]);
const HEADS = ["Version", "Loss saved", "Shared decisions"];
const OWN = {
  forecasts: [["r2", "R²"], ["mae_ratio", "MAE ratio"], ["hit_rate", "Hit rate"], ["coverage", "Coverage"], ["log_loss_skill", "Log-loss skill"]],
  signals: [["log_loss_skill", "Log-loss skill"], ["hit_rate", "Hit rate"], ["accuracy", "Accuracy"]],
};
const OWN_RULE = "Each of the predictions that it made itself, so of calm hours for one and of wild ones for another: they say nothing about who is better.";
const RULE = "It may be looked at as often as one likes: nothing is decided by it.";

export class RankingPanel {
  constructor(element) {
    this.panel = new Panel(element);
    this.slot = "";
    this.askedAt = 0;
  }

  /** Ask for a slot's ranking where it is another, or of some minutes ago. */
  async show(slot) {
    const now = Date.now();
    if (slot === this.slot && now - this.askedAt < RENEW_MS) return;
    if (slot !== this.slot) {
      this.panel.shown = false;
      this.panel.loading();
    }
    this.slot = slot;
    this.askedAt = now;
    try {
      const told = await ask("/api/models/ranking", { slot });
      if (slot !== this.slot) return;
      this.panel.body.replaceChildren(...ranking(told));
      this.panel.ready();
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      if (slot !== this.slot) return;
      this.askedAt = 0; // asked again at the next look
      this.panel.failed(refusal, () => this.show(slot));
    }
  }
}

function ranking(told) {
  const { venue, from_ms: from, to_ms: to, versions, baselines, compared_on: basis, left_out: left } = told;
  if (!versions.length) return [made("p", "note", `No version has a prediction in ${venue} yet: there is nothing to rank.`)];
  if (baselines[0].rank === null && versions.every((each) => each.version === told.champion)) {
    return [made("p", "note", `Only what serves has predictions in ${venue} yet: there is nobody to compare it with.`), ownFigures(told)];
  }
  const ranked = [...versions, ...baselines].filter((each) => each.rank !== null).sort((one, other) => one.rank - other.rank);
  const early = versions.filter((each) => each.rank === null);
  const head = made("p", "note", `On the ledger of ${venue}, `);
  head.append(timeElement(from, "dateMinute"), " – ", timeElement(to, "dateMinute"), `. ${basis} ${RULE}`);
  const parts = [head];
  if (ranked.length) parts.push(table("Ranking", HEADS, ranked.map((each) => line(each, told)), "ranking"));
  if (early.length) parts.push(made("h4", "", "Too early to rank"), tooEarly(early, told));
  if (left) parts.push(made("p", "note", `${count(left)} more are not looked at here: those that serve or are on trial come first, then those that spoke last.`));
  parts.push(ownFigures(told));
  return parts;
}

function line(row, { champion }) {
  const { version, name, rank, against_champion: saved } = row;
  const head = made("span");
  head.append(made("span", "rank", `${rank}. `), version ? made("code", "", version) : made("span", "muted", name));
  head.append(made("span", "standing", version ? standing(row, champion) : "baseline"));
  const cell = figure(saved, "against_champion");
  if (version === champion) cell.content = made("span", "", "0");
  cell.content.append(soFar(saved));
  return [head, cell, count(saved?.n)];
}

function soFar(saved) {
  const line = made("span", "standing");
  if (saved === null) {
    line.append("the others' measure");
    return line;
  }
  const [mark, words, className] = saved.lower > 0 ? ["▲", "ahead", "good"] : saved.upper < 0 ? ["▼", "behind", "down"] : ["○", "not told apart", "muted"];
  line.append(marked(mark, "", className), ` ${words}`);
  return line;
}

function tooEarly(versions, { champion, least }) {
  const list = made("ul", "early");
  for (const each of versions) {
    const item = made("li");
    item.append(made("code", "", each.version), ` ${standing(each, champion)}: ${lacking(each, champion, least)}`);
    list.append(item);
  }
  return list;
}

function lacking({ version, n, against_champion: shared }, champion, least) {
  if (version === champion) return `what the others would be compared with; ${count(n)} graded predictions of its own`;
  if (shared === null) return `nothing to compare it with; ${count(n)} graded predictions of its own`;
  if (shared.n < least.n) return `${count(shared.n)} of at least ${count(least.n)} shared decisions`;
  return `${count(shared.n)} shared decisions, in ${count(shared.blocks)} of at least ${count(least.blocks)} separate stretches of time`;
}

function ownFigures({ slot, versions, baselines, champion }) {
  const columns = OWN[slot === "forecasts" ? "forecasts" : "signals"];
  const heads = ["Version", "State", "n", ...columns.map(([, title]) => title)];
  const rows = versions.map((each) => [made("code", "", each.version), { content: standing(each, champion), className: "text" }, count(each.n), ...columns.map(([key]) => figure(each[key], key))]);
  for (const each of baselines) {
    rows.push([made("span", "muted", each.name), { content: "baseline", className: "text" }, "", ...columns.map(([key]) => (each[key] == null ? "" : written(each[key], key)))]);
  }
  const fold = made("details", "fold");
  fold.append(made("summary", "", "Each version's own figures"), made("p", "", OWN_RULE), table("Own figures", heads, rows, "ranking"));
  return fold;
}

function standing({ version, state }, champion) {
  return version === champion ? STATES.champion : (STATES[state] ?? "not registered");
}

function figure(told, key) {
  if (!told || told.value === null) return { content: UNKNOWN, title: told ? `too few: n ${count(told.n)}` : "" };
  const content = made("span", "", written(told.value, key));
  if (told.lower !== null && told.upper !== null) {
    content.append(made("span", "ends", `${ends(told.lower, key)} … ${ends(told.upper, key)}`));
  }
  return { content, title: `95 % interval, n ${count(told.n)}` };
}

function written(value, key) {
  return PERCENT.has(key) ? `${ends(value, key)} %` : ends(value, key);
}

function ends(value, key) {
  return PERCENT.has(key) ? fixed(value * 100, 2) : fixed(value, 3);
}
