// The order book: bids and asks face each other, a bar behind each level says how much lies up
// to there.

import * as formats from "../shell/formats.js";
import { Panel } from "../shell/panel.js";
import { writeText } from "../shell/page_text.js";
import { showCondition } from "./condition.js";

const LEVELS = 20;

export class BookPanel {
  constructor(section) {
    this.panel = new Panel(section);
    [this.spread, this.imbalance, this.share] = ["spread", "imbalance", "share"].map((name) =>
      section.querySelector(`.${name}`),
    );
    const body = section.querySelector("tbody");
    const template = document.getElementById("book-row").content.firstElementChild;
    this.rows = Array.from({ length: LEVELS }, () => new LevelRow(body, template));
  }

  show(market, condition) {
    const nothing = market.told ? "This market's feed gives no order book." : null;
    if (!market.told && condition.kind === "fresh") this.panel.loading();
    else showCondition(this.panel, condition, market.book ? null : nothing);
    if (market.book === this.book && market.symbol === this.symbol) return;
    this.book = market.book;
    this.symbol = market.symbol;
    if (market.book) this.write(market.book, market.symbol);
  }

  write({ bids, asks }, symbol) {
    const bidSums = sums(bids);
    const askSums = sums(asks);
    const deepest = Math.max(bidSums.at(-1) ?? 0, askSums.at(-1) ?? 0);
    const digits = sizeDigits([...bids, ...asks]);
    for (const [index, row] of this.rows.entries()) {
      row.show(symbol, digits, [bids[index], bidSums[index]], [asks[index], askSums[index]], deepest);
    }
    this.writeSpread(bids[0]?.[0], asks[0]?.[0], symbol);
    this.writeImbalance(bidSums.at(-1) ?? 0, askSums.at(-1) ?? 0);
  }

  writeSpread(bid, ask, symbol) {
    if (bid == null || ask == null) {
      writeText(this.spread, "one side only");
      return;
    }
    const bp = ((ask - bid) / ((ask + bid) / 2)) * 10_000;
    const spread = formats.fixed(ask - bid, formats.decimals(ask, symbol));
    writeText(this.spread, `spread ${spread} · ${bp.toFixed(bp < 0.1 ? 3 : 2)} bp`);
  }

  // Of all that is shown: the share of the bids.
  writeImbalance(bids, asks) {
    const share = bids + asks > 0 ? bids / (bids + asks) : null;
    writeText(this.imbalance, share === null ? "" : `${share >= 0.5 ? "▲" : "▼"} bids ${formats.percent(share, 0)}`);
    this.share.style.setProperty("--share", `${(share ?? 0.5) * 100}%`);
  }
}

class LevelRow {
  constructor(body, template) {
    this.element = template.cloneNode(true);
    [this.bidSize, this.bid, this.ask, this.askSize] = this.element.cells;
    body.append(this.element);
  }

  show(symbol, digits, [bid, bidSum], [ask, askSum], deepest) {
    this.element.hidden = !bid && !ask;
    writeSide(this.bid, this.bidSize, bid, symbol, digits);
    writeSide(this.ask, this.askSize, ask, symbol, digits);
    this.element.style.setProperty("--bid", half(bid ? bidSum : 0, deepest));
    this.element.style.setProperty("--ask", half(ask ? askSum : 0, deepest));
  }
}

function writeSide(price, size, level, symbol, digits) {
  writeText(price, level ? formats.price(level[0], symbol) : "");
  writeText(size, level ? formats.fixed(level[1], digits) : "");
}

function half(sum, deepest) {
  return deepest > 0 ? `${((sum / deepest) * 50).toFixed(1)}%` : "0%";
}

function sums(levels) {
  let sum = 0;
  return levels.map(([, size]) => (sum += size));
}

/** As many decimals as tell sizes of this order apart. */
export function sizeDigits(levels) {
  const sizes = levels.map(([, size]) => size).filter((size) => size > 0).sort((a, b) => a - b);
  const middle = sizes[Math.floor(sizes.length / 2)] ?? 1;
  return Math.min(5, Math.max(0, 2 - Math.floor(Math.log10(middle))));
}
