// One coin of the matrix: its cells, its price now and since the day began, what agrees.

import * as formats from "../shell/formats.js";
import { writeText } from "../shell/page_text.js";
import { agreement, cellShown } from "./arrangement.js";
import { Cell } from "./cell.js";

const WAYS = { "1": "up", "-1": "down", 0: "flat" };
const SIGNS = { up: "▲", down: "▼", flat: "" };

export class Row {
  constructor(element, index, reasons) {
    this.element = element;
    this.index = index;
    this.symbol = element.dataset.symbol;
    this.change = null;
    this.drawn = [...element.querySelectorAll("button.cell")].map((button) => new Cell(button, reasons));
    this.cells = new Map();
    [this.price, this.moved] = spans(element.querySelector("td.now"), ["price", "moved"]);
    [this.under] = spans(element.querySelector("th"), ["under"]);
    [this.long, this.short] = spans(element.querySelector("td.agree"), ["up", "down"]);
  }

  /** Read what is known, without drawing it. */
  take(state) {
    for (const { timeframe } of this.drawn) this.cells.set(timeframe, state.of(this.symbol, timeframe));
    const { value, change, quoted } = state.market(this.symbol);
    Object.assign(this, { value, change, quoted });
  }

  draw(view, nowMs, heard) {
    for (const cell of this.drawn) {
      if (!view.timeframes.has(cell.timeframe)) continue;
      const said = this.cells.get(cell.timeframe);
      cell.draw(said, nowMs, { shown: cellShown(said, view, nowMs), heard });
    }
    this.drawMarket();
    const { LONG, SHORT } = agreement(this, view);
    writeText(this.long, LONG ? `▲${LONG}` : "");
    writeText(this.short, SHORT ? `▼${SHORT}` : "");
  }

  drawMarket() {
    const price = formats.price(this.value, this.symbol);
    for (const element of [this.price, this.under]) writeText(element, price, this.quoted ? "quoted" : "closed");
    if (this.change === null) {
      writeText(this.moved, this.value === null ? "" : formats.UNKNOWN, "flat");
      return;
    }
    const way = WAYS[Math.sign(Math.round(this.change * 10_000))];
    writeText(this.moved, `${SIGNS[way]} ${formats.signedPercent(this.change)}`.trim(), way);
  }
}

function spans(parent, names) {
  return names.map((name) => {
    const span = document.createElement("span");
    span.className = name;
    parent.append(span, " ");
    return span;
  });
}
