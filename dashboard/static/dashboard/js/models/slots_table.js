// Each slot in a row: who serves it, who is on trial, how it stands. A slot is chosen by its name.

import { made } from "../shell/elements.js";
import { timeElement } from "../shell/times.js";
import { ORIGINS, RUNS, days, slotTitle } from "./slot_words.js";
import { table, tag } from "./tables.js";

const TRIALS_SHOWN = 2;
const HEADS = ["Slot", "Serves", "Since", "On trial", "Newest run", "Drift"];

export class SlotsTable {
  /** onChoose(slot): called with the name of the slot that the reader chose. */
  constructor(element, onChoose) {
    this.element = element;
    this.onChoose = onChoose;
    this.key = "";
  }

  /** heard: whether Redis answers. */
  show(slots, chosen, heard) {
    const key = JSON.stringify([slots, chosen, heard]);
    if (key === this.key) return;
    this.key = key;
    const focused = this.element.contains(document.activeElement) && document.activeElement.dataset.slot;
    this.element.replaceChildren(table("Slots", HEADS, slots.map((each) => this.row(each, chosen, heard)), "slots"));
    if (focused) this.element.querySelector(`[data-slot="${focused}"]`)?.focus();
  }

  row(told, chosen, heard) {
    const button = made("button", "small", slotTitle(told));
    button.type = "button";
    button.dataset.slot = told.slot;
    button.setAttribute("aria-pressed", String(told.slot === chosen));
    button.addEventListener("click", () => this.onChoose(told.slot));
    const cells = [serves(told), since(told), onTrial(told, heard), newestRun(told.run), drift(told.drift)];
    return [button, ...cells.map((content) => ({ content, className: "text" }))];
  }
}

function serves({ champion, frozen }) {
  const cell = made("span");
  if (champion === null) cell.append(made("span", "down", "nothing"));
  else cell.append(made("code", "", champion.version));
  if (frozen) cell.append(" ", tag("frozen", "warn"));
  return cell;
}

function since({ champion }) {
  if (champion === null) return "–";
  if (champion.since !== null) return timeElement(Date.parse(champion.since), "date");
  return champion.origin === null ? "not known" : ORIGINS[champion.origin];
}

function onTrial({ trials }, heard) {
  const waiting = trials.filter((each) => each.state === "shadow");
  if (!waiting.length) return made("span", "muted", "nobody");
  const cell = made("span");
  for (const each of waiting.slice(0, TRIALS_SHOWN)) {
    const line = made("span", "line");
    line.append(made("code", "", each.version), ` ${left(each, heard)}`);
    cell.append(line);
  }
  const more = waiting.length - TRIALS_SHOWN;
  if (more > 0) cell.append(made("span", "line muted", `and ${more} more`));
  return cell;
}

function left({ run, days_left: left }, heard) {
  if (run === null) return "judged by hand alone";
  if (!heard) return "time left not known";
  if (left === null) return "in another market";
  return left > 0 ? `${days(left)} left` : "to be judged now";
}

function newestRun(run) {
  if (run === null) return made("span", "muted", "none yet");
  const [words, kind] = RUNS[run.state] ?? [run.state, ""];
  const cell = made("span");
  cell.append(tag(words, kind), " ", timeElement(Date.parse(run.ended_at ?? run.started_at), "date"));
  return cell;
}

function drift(told) {
  if (told === null) return made("span", "muted", "not measured");
  if (!told.judged) return made("span", "muted", "too early to tell");
  if (!told.drifted) return `none of ${told.judged} figures`;
  return made("span", "warned", `${told.drifted} of ${told.judged} figures`);
}
