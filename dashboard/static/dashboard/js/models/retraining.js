// Who serves each slot and who may follow: the slots' table, and the history of the chosen one.

import { Refusal, ask } from "../shell/asking.js";
import { parts } from "../shell/elements.js";
import { Panel } from "../shell/panel.js";
import { time } from "../shell/times.js";
import { deeds } from "./deeds_panel.js";
import { drift } from "./drift_panel.js";
import { GatePanel } from "./gate_panel.js";
import { RankingPanel } from "./ranking_panel.js";
import { RunsPanel } from "./runs_panel.js";
import { story } from "./slot_story.js";
import { slotTitle } from "./slot_words.js";
import { SlotsTable } from "./slots_table.js";
import { watch } from "./watch_panel.js";

const SCHEDULES = { weekly: "once a week", monthly: "once a month" };
const NO_DATABASE = "The database does not answer: who is on trial, and what was tried, is not known now.";

export class Retraining {
  constructor(element) {
    this.panel = new Panel(element);
    this.parts = parts(element);
    this.history = new Panel(this.parts.history);
    this.panel.loading();
    this.history.loading();
    this.table = new SlotsTable(this.parts.slots, (slot) => this.choose(slot));
    this.gate = new GatePanel(this.parts.gate);
    this.runs = new RunsPanel(this.parts.runs);
    this.ranking = new RankingPanel(this.parts.ranking);
    this.slots = [];
    this.slot = new URLSearchParams(location.search).get("slot") ?? "";
    this.asking = null;
    this.key = "";
  }

  /** told: the answer of /api/models. */
  show({ slots, retraining, models, redis }) {
    if (slots === null) {
      if (this.slots.length) this.panel.stale(NO_DATABASE);
      else this.panel.empty(NO_DATABASE);
      return;
    }
    this.slots = slots;
    this.models = models;
    this.heard = redis === "connected";
    this.next = next(retraining);
    if (!slots.some((each) => each.slot === this.slot)) this.slot = slots[0].slot;
    this.panel.ready();
    this.draw();
    this.renew();
  }

  failed(refusal, again) {
    this.panel.failed(refusal, again);
  }

  choose(slot) {
    if (slot === this.slot) return;
    this.slot = slot;
    const query = new URLSearchParams(location.search);
    query.set("slot", slot);
    history.replaceState(null, "", `${location.pathname}?${query}${location.hash}`);
    this.history.shown = false;
    this.history.loading();
    this.draw();
    this.renew();
  }

  draw() {
    const chosen = this.slots.find((each) => each.slot === this.slot);
    this.table.show(this.slots, this.slot, this.heard);
    this.parts.title.textContent = slotTitle(chosen);
    const card = this.models.find((each) => each.engine === chosen.engine && each.version === chosen.champion?.version);
    fill(this.parts.story, [story(chosen, card, this.heard)], [chosen, card?.id, this.heard]);
    fill(this.parts.watch, watch(chosen), chosen.watch);
  }

  async renew() {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    try {
      const told = await ask("/api/models/history", { slot: this.slot }, { signal: asking.signal });
      if (asking !== this.asking) return;
      this.tell(told);
      this.history.ready();
      await this.ranking.show(this.slot);
    } catch (refusal) {
      if (asking.signal.aborted) return;
      if (!(refusal instanceof Refusal)) throw refusal;
      this.history.failed(refusal, () => this.renew());
    }
  }

  tell({ verdicts, runs, promotions, drift: drifted }) {
    const { champion, drift_problem: problem } = this.slots.find((each) => each.slot === this.slot);
    this.gate.show(verdicts, champion?.version);
    this.runs.show(runs, this.next);
    fill(this.parts.deeds, deeds(promotions), promotions);
    fill(this.parts.drift, drift(drifted, problem), [drifted, problem]);
  }
}

// What did not change stays, with what the reader unfolded in it.
function fill(element, content, told) {
  const key = JSON.stringify(told);
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  element.replaceChildren(...content);
}

// When models are trained anew next, or why they are not, in a sentence.
function next({ status, schedule, next_due: due, why, doing }) {
  if (status === null) return "When the next run is due is not known now.";
  if (status === "down") return "The process retrain does not run: nothing is retrained by itself.";
  if (why) return `Nothing is retrained by itself: ${why}.`;
  const now = doing ? ` Now runs ${doing}.` : "";
  return due === null ? `No run is due.${now}` : `The next is due ${SCHEDULES[schedule] ?? schedule}, on ${time(Date.parse(due), "dateMinute")}.${now}`;
}
