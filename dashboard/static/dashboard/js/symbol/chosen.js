// The signal that the chart shows with its levels, and what became of it.

import * as formats from "../shell/formats.js";
import { SIGNS, word } from "../shell/signal_words.js";
import { time } from "../shell/times.js";
import { knownWords, outcomeWords } from "./outcome_words.js";

const NOTHING = "No LONG or SHORT was said of the candles that are shown.";

export class Chosen {
  constructor(page, panel, text) {
    this.page = page;
    this.panel = panel;
    this.text = text;
  }

  /** signal: of signal_state.js, or null. nowMs: market time, null in lock-step. */
  render(signal, nowMs, { older, newer }) {
    this.text.element("step-older").disabled = !older;
    this.text.element("step-newer").disabled = !newer;
    this.link(signal);
    if (signal === null) {
      this.text.write("chosen-title", "On the chart");
      this.panel.empty(this.page.signals ? NOTHING : "No signals are made for this coin.");
      return;
    }
    this.text.write("chosen-title", `${signal.timeframe} · ${time(signal.closeMs, "dateMinute")}`);
    this.text.write("chosen-direction", `${SIGNS[signal.direction]} ${word(signal.direction)}`, signal.direction);
    this.text.write("chosen-state", `${formats.percent(signal.confidence, 0)} · ${validity(signal, nowMs)}`);
    this.text.write("chosen-note", note(signal, this.page.ungradable));
    this.levels(signal);
    this.panel.ready();
  }

  link(signal) {
    const link = this.text.element("chosen-link");
    link.hidden = signal?.id == null;
    if (!link.hidden) link.href = `/signals/${signal.id}`;
  }

  levels(signal) {
    const key = JSON.stringify([signal.openMs, signal.timeframe, signal.entry, signal.stop]);
    if (key === this.key) return;
    this.key = key;
    const rows = [...signal.targets].reverse().map((each) => row(signal, `Target ${each.level}`, each.price, "hit"));
    rows.push(row(signal, "Entry", signal.entry, null), row(signal, "Stop", signal.stop, "miss"));
    this.text.element("chosen-levels").replaceChildren(...rows);
  }
}

function validity({ untilMs }, nowMs) {
  if (nowMs === null) return `valid to ${time(untilMs, "dateMinute")}`;
  if (nowMs < untilMs) return `valid for ${formats.countdown(untilMs - nowMs)}`;
  return `expired ${formats.span(nowMs - untilMs)} ago`;
}

function note(signal, ungradable) {
  const told = [outcomeWords(signal, ungradable)];
  if (!signal.outcome) told.push(knownWords(signal));
  const { r_multiple: before, r_after_fees: after, tp_minutes: minutes } = signal.outcome ?? {};
  if (minutes != null) told.push(`after ${formats.span(minutes * 60_000)}`);
  if (before != null) told.push(`${formats.signed(before)} R, ${formats.signed(after)} R after fees`);
  return told.join(" · ");
}

function row({ symbol, entry }, label, price, className) {
  const element = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = label;
  const value = document.createElement("td");
  value.textContent = formats.price(price, symbol);
  const distance = document.createElement("td");
  if (className !== null && price !== null) {
    distance.textContent = formats.signedPercent(price / entry - 1);
    distance.className = className;
  }
  element.append(name, value, distance);
  return element;
}
