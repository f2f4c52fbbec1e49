// The table of coins and timeframes: draws its rows, keeps their order, tells which cell is chosen.
//
// Order is made anew when the reader asks for another, and when something has happened (a signal
// came, one expired) while nobody is on the rows: under a pointer or a focus no row moves or goes.
// What has happened meanwhile is sorted in when both have left, or when the reader asks.

import { countdown } from "../shell/formats.js";
import { writeText } from "../shell/page_text.js";
import { arranged, enterable } from "./arrangement.js";
import { Row } from "./row.js";
import { plainView } from "./view.js";
import { Walking } from "./walking.js";

const HINT = "Point at a cell, or move to it, to read it in words. / searches, ? lists the keys.";

export class SignalMatrix {
  /** onChoose(symbol, timeframe), onSort(name). */
  constructor(table, says, { reasons, timeframes, onChoose, onSort }) {
    this.table = table;
    this.body = table.tBodies[0];
    this.says = says;
    this.rows = [...this.body.rows].map((element, index) => new Row(element, index, reasons));
    this.shown = this.rows;
    this.cells = new Map(this.rows.flatMap(({ drawn }) => drawn.map((cell) => [cell.button, cell])));
    this.walking = new Walking(table);
    this.heads = timeframes.map((each) => ({ ...each, element: table.querySelector(`[data-next="${each.name}"]`) }));
    this.waiting = false; // whether an order is due that nobody should be surprised by
    this.heard = false; // whether it was ever made of signals
    this.listen(onChoose, onSort);
  }

  listen(onChoose, onSort) {
    this.table.addEventListener("click", (event) => {
      const head = event.target.closest("th[data-sort]");
      const cell = this.cells.get(event.target.closest("button.cell"));
      if (head) onSort(head.dataset.sort);
      if (cell) onChoose(cell.symbol, cell.timeframe);
    });
    for (const kind of ["pointerover", "focusin"]) {
      this.body.addEventListener(kind, (event) => this.say(this.cells.get(event.target.closest("button.cell"))));
    }
    this.body.addEventListener("pointerleave", () => this.say(this.cells.get(document.activeElement)));
    this.body.addEventListener("focusout", () => this.say(undefined));
  }

  say(cell) {
    this.said = cell;
    this.renderSaid();
  }

  renderSaid() {
    const text = this.said?.sentence() ?? HINT;
    if (this.says.textContent !== text) this.says.textContent = text;
  }

  render(state, view) {
    const nowMs = state.clock.now();
    for (const row of this.rows) row.take(state);
    if (this.happened(state, nowMs)) this.waiting = true;
    // What was there before the first signals was no order that anybody could lose.
    const first = state.heard && !this.heard;
    if (first || (this.waiting && !this.occupied())) this.arrange(state, view);
    for (const row of this.rows) if (!row.element.hidden) row.draw(view, nowMs, state.heard);
    this.renderHeads(nowMs);
    this.renderSaid();
  }

  // How long until the next candle of each timeframe closes.
  renderHeads(nowMs) {
    for (const { ms, element } of this.heads) {
      writeText(element, nowMs === null ? "" : countdown(Math.ceil(nowMs / ms) * ms - nowMs));
    }
  }

  /** Order and show the rows as the view says, now. */
  arrange(state, view) {
    this.waiting = false;
    this.heard = state.heard;
    for (const row of this.rows) row.take(state);
    this.shown = this.order(state, view);
    this.place(this.shown);
    for (const element of this.table.querySelectorAll("[data-column]")) {
      element.hidden = !view.timeframes.has(element.dataset.column);
    }
    for (const head of this.table.querySelectorAll("th[data-sort]")) {
      const order = view.falling ? "descending" : "ascending";
      head.setAttribute("aria-sort", head.dataset.sort === view.sort ? order : "none");
    }
    this.walking.settle();
  }

  /** Whether the rows are in another order, or others, than the view would have by now. */
  outdated(state, view) {
    if (!this.waiting) return false;
    const due = this.order(state, view);
    return due.length !== this.shown.length || due.some((row, index) => row !== this.shown[index]);
  }

  // Before the first snapshot there is nothing to filter by but names.
  order(state, view) {
    const known = state.heard ? view : { ...plainView([...view.timeframes]), q: view.q };
    return arranged(this.rows, known, state.clock.now());
  }

  /** Write anew what a change of the time zone changes. */
  forget() {
    for (const cell of this.cells.values()) cell.forget();
  }

  choose(symbol, timeframe) {
    for (const { button } of this.cells.values()) {
      const chosen = button.dataset.symbol === symbol && button.dataset.timeframe === timeframe;
      const told = String(chosen);
      if (button.parentElement.getAttribute("aria-selected") !== told) {
        button.parentElement.setAttribute("aria-selected", told);
      }
      if (!chosen) continue;
      this.walking.stand(button);
      // On a narrow screen the detail covers what lies below.
      button.scrollIntoView({ block: "nearest" });
    }
  }

  // Whether the reader is on the rows, so that they must stay where they are.
  occupied() {
    return this.body.matches(":hover") || (this.body.contains(document.activeElement) && document.hasFocus());
  }

  happened(state, nowMs) {
    const open = this.rows.map((row) => [...row.cells.values()].filter(({ signal }) => enterable(signal, nowMs)).length);
    const key = `${state.news}/${open.join()}`;
    const changed = key !== this.key;
    this.key = key;
    return changed;
  }

  place(shown) {
    const kept = new Set(shown);
    for (const row of this.rows) if (row.element.hidden === kept.has(row)) row.element.hidden = !kept.has(row);
    const rest = this.rows.filter((row) => !kept.has(row));
    const wanted = [...shown, ...rest].map(({ element }) => element);
    if (wanted.every((element, index) => this.body.rows[index] === element)) return;
    const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
    this.body.append(...wanted);
    // A row that is put elsewhere loses the focus that was in it.
    if (focused && !focused.closest("tr").hidden) focused.focus({ preventScroll: true });
  }
}
