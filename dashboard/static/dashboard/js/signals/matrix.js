// The table of symbols and timeframes: fills its cells, moves between them, tells which is chosen.

import { writeText } from "../shell/page_text.js";
import { SIGNS, expired, quiet, short, strong, validity, word } from "../shell/signal_words.js";
import { percent } from "../shell/formats.js";

const MOVES = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  Home: [0, -Infinity],
  End: [0, Infinity],
  PageUp: [-10, 0],
  PageDown: [10, 0],
};
// What the cell's word says already.
const UNSAID = new Set(["", "model_says_no_trade", "no_skill_shown"]);
const PARTS = ["sign", "word", "share", "left", "reason"];

export class SignalMatrix {
  constructor(table, reasons, onChoose) {
    this.reasons = reasons;
    this.rows = [...table.tBodies[0].rows];
    this.cells = this.rows.flatMap((row) => [...row.querySelectorAll("button")].map(fill));
    this.setCurrent(this.cells[0].button);
    table.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      this.setCurrent(button);
      onChoose(button.dataset.symbol, button.dataset.timeframe);
    });
    table.addEventListener("keydown", (event) => this.move(event));
  }

  render(state) {
    const nowMs = state.clock.now();
    for (const cell of this.cells) this.renderCell(cell, state, nowMs);
  }

  renderCell({ button, parts }, state, nowMs) {
    const { signal, error } = state.of(button.dataset.symbol, button.dataset.timeframe);
    const data = button.dataset;
    data.kind = signal ? signal.direction : error ? "error" : "none";
    data.expired = String(signal !== null && expired(signal, nowMs));
    data.strong = String(signal !== null && strong(signal, nowMs));
    data.late = String(signal !== null && error !== null);
    data.quiet = String(signal !== null && error === null && quiet(signal));
    const reason = error?.code ?? signal?.reason ?? "";
    const said = signal ? spoken(signal, nowMs) : silent(error, state.heard);
    for (const part of PARTS) writeText(parts[part], said[part] ?? "");
    if (signal) writeText(parts.reason, UNSAID.has(reason) ? "" : short(reason));
    const title = error?.message ?? this.reasons[reason] ?? "";
    if (button.title !== title) button.title = title;
  }

  choose(symbol, timeframe) {
    for (const { button } of this.cells) {
      const chosen = button.dataset.symbol === symbol && button.dataset.timeframe === timeframe;
      button.parentElement.setAttribute("aria-selected", String(chosen));
      // On a narrow screen the detail covers what lies below.
      if (chosen) button.scrollIntoView({ block: "nearest" });
    }
  }

  // Show the rows whose symbol contains the text; return how many there are.
  filter(text) {
    const wanted = text.replace(/[^a-z0-9]/gi, "").toUpperCase();
    for (const row of this.rows) row.hidden = !row.dataset.symbol.includes(wanted);
    const shown = this.rows.filter((row) => !row.hidden);
    if (shown.length && this.current.closest("tr").hidden) {
      this.setCurrent(shown[0].querySelector("button"));
    }
    return shown.length;
  }

  focus() {
    this.current.focus();
  }

  // One cell is in the tab order; arrow keys move it.
  setCurrent(button) {
    this.current?.setAttribute("tabindex", "-1");
    this.current = button;
    button.setAttribute("tabindex", "0");
  }

  move(event) {
    const step = MOVES[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const shown = this.rows.filter((row) => !row.hidden);
    const row = clamp(shown.indexOf(this.current.closest("tr")) + step[0], shown.length);
    const buttons = [...shown[row].querySelectorAll("button")];
    const column = this.current.parentElement.cellIndex - 1 + step[1];
    this.setCurrent(buttons[clamp(column, buttons.length)]);
    this.focus();
  }
}

function fill(button) {
  const parts = {};
  for (const part of PARTS) {
    parts[part] = document.createElement("span");
    parts[part].className = part;
    // Read out one after the other, they must not run together.
    button.append(parts[part], " ");
  }
  return { button, parts };
}

function spoken(signal, nowMs) {
  if (quiet(signal)) return { sign: SIGNS.NO_TRADE, word: "no direction" };
  // Where there is nothing to enter, no time for it runs out.
  const entered = signal.direction !== "NO_TRADE";
  return {
    sign: SIGNS[signal.direction],
    word: word(signal.direction),
    share: percent(signal.confidence, 0),
    left: entered ? validity(signal, nowMs) : "",
  };
}

function silent(error, heard) {
  if (error) return { sign: "✕", reason: short(error.code) };
  return { sign: "·", reason: heard ? "not made yet" : "" };
}

function clamp(index, length) {
  return Math.max(0, Math.min(length - 1, index));
}
