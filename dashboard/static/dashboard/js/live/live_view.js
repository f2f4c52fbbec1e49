// All that the live page shows, drawn from its states; and what the reader can choose to see.

import * as formats from "../shell/formats.js";
import { staleness } from "../shell/page_head.js";
import { PageText } from "../shell/page_text.js";
import { Panel } from "../shell/panel.js";
import { BookPanel } from "./book_panel.js";
import { ChartTable } from "./chart_table.js";
import { conditionOf, showCondition } from "./condition.js";
import { ForecastPanel } from "./forecast_panel.js";
import { HopsStrip } from "./hops_strip.js";
import { PriceChart } from "./price_chart.js";
import { Processes } from "./processes.js";
import { RecentPanel } from "./recent_panel.js";
import { RecordPanel } from "./record_panel.js";
import { TapePanel } from "./tape_panel.js";
import { WatchList } from "./watch_list.js";

const LEAST_CASES = 30;
const MISSED_TICKS = 3;
const GAP_SECONDS = 5;

export class LiveView {
  constructor({ page, shell, coins, market, hops, ledger, choice }) {
    Object.assign(this, { page, shell, coins, market, hops, ledger });
    const element = (id) => document.getElementById(id);
    this.text = new PageText();
    this.chartPanel = new Panel(element("chart-panel"));
    this.chart = new PriceChart(element("chart"), page.horizonMs);
    this.table = new ChartTable(element("chart-table"));
    this.forecast = new ForecastPanel(element("forecast"), page);
    this.record = new RecordPanel(element("record"));
    this.recent = new RecentPanel(element("recent-panel"), page.ungradable);
    this.strip = new HopsStrip(element("strip"));
    this.processes = new Processes(element("processes"));
    this.book = new BookPanel(element("book"));
    this.tape = new TapePanel(element("tape"));
    const rows = element("coins");
    if (rows) {
      this.listPanel = new Panel(element("watch-list"));
      this.list = new WatchList(rows, (symbol) => choice.choose(symbol));
    }
    press("[data-minutes]", (button) => {
      this.chart.minutes = Number(button.dataset.minutes);
      shell.redraw();
    });
    press("[data-show]", (button) => {
      element("depth").dataset.shown = button.dataset.show;
    });
    for (const details of document.querySelectorAll(".live .twin")) {
      details.addEventListener("toggle", () => shell.redraw());
    }
  }

  get coin() {
    return this.coins.of(this.market.symbol);
  }

  get limit() {
    return this.shell.clock.patience(this.page.maxFeatureAgeMs);
  }

  problem() {
    const stale = staleness(this.coins.age(this.coin), this.limit);
    if (stale) return stale;
    if (!this.coins.heard) return null;
    if (!this.coin.latest) return "No forecast yet.";
    const silence = this.silence();
    return silence && `${silence}: the forecast loop has stopped.`;
  }

  // Says since when no forecast has come, where one is overdue; else null.
  silence() {
    const silent = this.coins.forecastAge(this.coin);
    const patience = this.shell.clock.patience(this.page.tickMs * MISSED_TICKS);
    if (silent === null || silent <= patience) return null;
    return `No new forecast for ${Math.floor(silent / 1_000)} s`;
  }

  draw() {
    const { coins, coin, market, shell } = this;
    const age = coins.age(coin);
    const condition = this.conditionAt(age);
    this.drawHead();
    this.forecast.show(coin, this.forecastCondition(condition), this.ledger.roles, shell.clock.now());
    this.drawChart(condition);
    this.book.show(market, condition);
    this.tape.show(market, condition);
    this.recent.show(market, condition);
    this.record.showPage(coin.tally.record(LEAST_CASES));
    this.record.showLedger(this.ledger);
    this.strip.show(this.hops, age, age !== null && age > this.limit);
    this.processes.show(shell.clock.health, shell.connection.state === "open");
    this.drawList();
    if (this.hops.arrived !== null) requestAnimationFrame(() => this.hops.paint());
  }

  conditionAt(age) {
    const condition = conditionOf(this.shell, { heard: this.coins.heard, old: age, limit: this.limit });
    const lost = condition.kind === "stale" || condition.kind === "failed";
    // A socket that is refused does not say why; the same question over REST does.
    const denied = lost && this.shell.connection.state !== "open" && this.ledger.refusal?.denied;
    return denied ? { kind: "denied", sentence: "" } : condition;
  }

  forecastCondition(condition) {
    const silence = condition.kind === "fresh" ? this.silence() : null;
    return silence ? { kind: "stale", sentence: `${silence}.` } : condition;
  }

  drawHead() {
    const { coin } = this;
    const { quote, symbol } = coin;
    this.text.write("current-price", formats.price(coin.price, symbol));
    const known = quote?.bid != null && quote?.ask != null;
    const sides = known ? `bid ${formats.price(quote.bid, symbol)} · ask ${formats.price(quote.ask, symbol)}` : "";
    this.text.write("sides", sides);
  }

  drawChart(condition) {
    const { market } = this;
    const nothing = market.newest === null ? "No price of this market has come yet." : null;
    if (nothing !== null && !market.told && condition.kind === "fresh") this.chartPanel.loading();
    else showCondition(this.chartPanel, condition, nothing);
    // A sped-up market goes on for so much longer between two pictures of it.
    this.chart.show(market, GAP_SECONDS * Math.max(1, this.shell.clock.speed));
    this.table.show(market, this.chart.minutes);
  }

  drawList() {
    if (!this.list) return;
    const { symbol } = this.market;
    if (symbol !== this.marked) this.list.mark(symbol);
    this.marked = symbol;
    showCondition(this.listPanel, this.conditionAt(null));
    this.list.show(this.coins, LEAST_CASES, this.limit);
  }
}

// A row of buttons of which one is pressed.
function press(selector, act) {
  const buttons = document.querySelectorAll(selector);
  for (const button of buttons) {
    button.addEventListener("click", () => {
      for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
      act(button);
    });
  }
}
