// All coins that are forecast, a row each. A tick may change every cell of it: only those whose
// text is another are written.

import * as formats from "../shell/formats.js";
import { writeText } from "../shell/page_text.js";
import { ARROWS, isFallback, moveOf } from "./coins.js";

export class WatchList {
  /** body: the rows as the server wrote them; choose(symbol): called where one is picked. */
  constructor(body, choose) {
    this.choose = choose;
    this.rows = new Map([...body.rows].map((row) => [row.dataset.symbol, new Row(row)]));
    this.links = [...this.rows.values()].map((row) => row.link);
    body.addEventListener("click", (event) => this.click(event));
    body.addEventListener("keydown", (event) => this.move(event));
  }

  mark(symbol) {
    for (const [name, row] of this.rows) row.choose(name === symbol);
  }

  /** least: cases under which no rate is told; limit: from which age on, in ms, a coin is stale. */
  show(coins, least, limit) {
    for (const [symbol, row] of this.rows) row.show(coins.of(symbol), coins, least, limit);
  }

  click(event) {
    const row = event.target.closest("tr");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.choose(row.dataset.symbol);
  }

  // Arrow keys go from coin to coin, as in a list; Enter, on a link, picks.
  move(event) {
    const at = this.links.indexOf(document.activeElement);
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: this.links.length - 1 };
    const next = this.links[steps[event.key]];
    if (at < 0 || !next) return;
    event.preventDefault();
    next.focus();
  }
}

class Row {
  constructor(element) {
    this.element = element;
    this.link = element.querySelector("a");
    [this.price, this.move, this.chance, this.rate, this.count] = ["price", "move", "chance", "rate", "n"].map((name) =>
      element.querySelector(`.${name}`),
    );
  }

  choose(chosen) {
    if (chosen) this.link.setAttribute("aria-current", "true");
    else this.link.removeAttribute("aria-current");
    // One stop for the tabulator: the chosen coin; arrow keys reach the others.
    this.link.tabIndex = chosen ? 0 : -1;
  }

  show(coin, coins, least, limit) {
    const age = coins.age(coin);
    const old = age !== null && age > limit;
    if (this.element.classList.contains("aged") !== old) this.element.classList.toggle("aged", old);
    writeText(this.price, formats.price(coin.price, coin.symbol));
    if (old) writeText(this.move, `◷ ${formats.span(age)}`, "old");
    else this.showMove(moveOf(coin.latest));
    const fallback = coin.latest !== null && isFallback(coin.latest);
    writeText(this.chance, whole(coin.latest?.p_up), fallback ? "fallback" : "");
    const { value, n } = coin.tally.record(least).hits;
    writeText(this.rate, whole(value));
    writeText(this.count, formats.count(n));
  }

  showMove(move) {
    const text = move ? `${ARROWS[move.way]} ${formats.signed(move.bp)}` : formats.UNKNOWN;
    writeText(this.move, text, move?.way ?? "");
  }
}

// Per cent; the sign stands in the column's head.
function whole(share) {
  return share == null ? formats.UNKNOWN : formats.fixed(share * 100, 0);
}
