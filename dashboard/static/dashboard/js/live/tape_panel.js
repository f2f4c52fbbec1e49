// The newest trades, the newest first; rows that stand are moved down, not made anew.

import * as formats from "../shell/formats.js";
import { Panel } from "../shell/panel.js";
import { timeElement } from "../shell/times.js";
import { sizeDigits } from "./book_panel.js";
import { showCondition } from "./condition.js";

const SIDES = { buy: ["▲", "buy", "up"], sell: ["▼", "sell", "down"] };

export class TapePanel {
  constructor(section) {
    this.panel = new Panel(section);
    this.body = section.querySelector("tbody");
    this.template = document.getElementById("trade-row").content.firstElementChild;
    this.printed = 0;
  }

  show(market, condition) {
    const nothing = market.told ? "No trade has been printed, or the feed gives none." : null;
    if (!market.told && condition.kind === "fresh") this.panel.loading();
    else showCondition(this.panel, condition, market.trades?.length ? null : nothing);
    const same = market.symbol === this.symbol;
    if (same && market.printed === this.printed) return;
    const trades = market.trades ?? [];
    const fresh = same ? Math.min(market.printed - this.printed, trades.length) : trades.length;
    // By how many begin() went back to none, nobody knows: then all are new.
    const count = fresh < 0 ? trades.length : fresh;
    if (!same) this.digits = null;
    this.symbol = market.symbol;
    this.printed = market.printed;
    this.digits ??= trades.length > 0 ? sizeDigits(trades.map(({ price, size }) => [price, size])) : null;
    this.body.prepend(...trades.slice(0, count).map((trade) => this.row(trade)));
    while (this.body.rows.length > trades.length) this.body.lastElementChild.remove();
  }

  row(trade) {
    const row = this.template.cloneNode(true);
    const [time, price, size, side] = row.cells;
    const [arrow, word, way] = SIDES[trade.side] ?? ["", formats.UNKNOWN, "flat"];
    time.append(timeElement(trade.ts));
    price.textContent = formats.price(trade.price, this.symbol);
    size.textContent = formats.fixed(trade.size, this.digits);
    side.append(arrow, " ", word);
    side.className = way;
    return row;
  }
}
