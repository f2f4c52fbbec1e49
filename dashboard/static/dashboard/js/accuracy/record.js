// The panels that show one answer of /api/accuracy.

import { byBand } from "./bands.js";
import { ChartPanel } from "./chart_panel.js";
import { Dial } from "./dial.js";
import { HeatMap } from "./heat_map.js";
import { Headline } from "./headline.js";
import { overTime, tooShort } from "./over_time.js";
import { reliability } from "./reliability.js";
import { spreadOfR } from "./spread.js";
import { time } from "../shell/times.js";
import { venueKind } from "../shell/venues.js";
import { count } from "./words.js";

const HIT_RATE = { name: "hit_rate", title: "Hit rate", unit: "share", than: "its baseline, the more frequent direction of that window" };
const COVERAGE = { name: "coverage", title: "Coverage", unit: "share", than: "the 90 % that the interval claims" };

export class Record {
  constructor(choices, costs, { onCell, onMetric, onKeep }) {
    this.costs = costs;
    const element = (id) => document.getElementById(id);
    this.ungradable = choices.ungradable;
    this.headline = new Headline(element("summary"));
    this.series = new ChartPanel(element("series"));
    this.reliability = new ChartPanel(element("reliability"));
    this.bands = new ChartPanel(element("bands"));
    this.spread = new ChartPanel(element("spread"));
    this.dial = new Dial(element("dial"), onKeep);
    const columns = { signals: choices.timeframes, forecasts: Object.keys(choices.sources) };
    this.map = new HeatMap(element("map"), columns, onCell, onMetric);
    this.told = null;
  }

  get panels() {
    const charts = [this.series, this.reliability, this.bands, this.spread, this.dial.panel];
    return [this.headline.panel, this.costs.panel, ...charts.map(({ panel }) => panel)];
  }

  loading() {
    for (const panel of this.panels) panel.loading();
  }

  failed(refusal, again) {
    for (const panel of this.panels) panel.failed(refusal, again);
  }

  /** Show an answer, unless it is the one that is shown. */
  show(told, view) {
    const key = JSON.stringify(told);
    const shown = this.key === key && this.panels.every(({ element }) => element.dataset.panel === "ready");
    if (shown) return;
    [this.key, this.told] = [key, told];
    this.redraw(view);
  }

  showMap(told, view) {
    this.mapTold = told;
    this.map.show(told, view);
  }

  redraw(view) {
    if (this.mapTold) this.map.show(this.mapTold, view);
    const told = this.told;
    if (!told) return;
    this.writeShown(told);
    if (told.overall.n === 0) {
      const sentence = this.nothing(told);
      for (const panel of this.panels) panel.empty(sentence);
      return;
    }
    this.headline.show(told);
    this.showSeries(this.series, told, HIT_RATE);
    const few = `Too few: ${count(told.overall.calibration.n)} of ${told.minimum_n}.`;
    this.chart(this.reliability, reliability(told.overall.calibration), few);
    this.showSpread(told);
    this.dial.show(told, view.keep);
    this.showBands(told);
    this.costs.show(told);
  }

  showSeries(panel, told, figure) {
    this.chart(panel, overTime(told.series, figure), tooShort(told.series, figure, told.minimum_n));
  }

  showSpread(told) {
    if (told.engine === "signals") {
      this.spread.title.textContent = "R multiples";
      const few = `Too few: ${count(told.r_distribution.n)} of ${told.minimum_n}.`;
      this.chart(this.spread, spreadOfR(told.r_distribution, told.overall), few);
    } else {
      this.spread.title.textContent = "Inside the 90 % interval, over time";
      this.showSeries(this.spread, told, COVERAGE);
    }
  }

  showBands(told) {
    const sure = told.engine === "signals" ? "confidence, the largest of the three probabilities" : "the larger of P(up) and P(down), over their sum";
    this.bands.write("note", `How sure: ${sure}. Whiskers are 95 % intervals.`);
    this.chart(this.bands, byBand(told.bands, told.overall.hit_rate, told.minimum_n), `Too few in every band to tell: a figure needs ${told.minimum_n}.`);
  }

  chart(panel, shown, nothing) {
    if (!shown) {
      panel.panel.empty(nothing);
      return;
    }
    if (shown.note !== undefined) panel.write("note", shown.note);
    panel.show(shown);
  }

  nothing({ overall, venue, engine }) {
    if (overall.said === 0) return `No ${engine} of ${venue} are in this window.`;
    if (overall.open > 0) return `${count(overall.said)} said, none graded yet: outcomes come when their time is over.`;
    return `${count(overall.said)} said, none of which could be graded.`;
  }

  writeShown(told) {
    const { overall } = told;
    const window = `${edge(told.from, "the beginning")} to ${edge(told.to, "now")}`;
    const refused = Object.entries(overall.ungradable).map(([why, n]) => `${count(n)} not gradable (${this.ungradable[told.engine]?.[why] ?? why})`);
    const counted = [`${count(overall.said)} said`, `${count(overall.n)} graded`, ...refused];
    if (overall.late) counted.push(`${count(overall.late)} late, not counted`);
    if (overall.open) counted.push(`${count(overall.open)} open`);
    if (overall.limited) counted.push("only the newest were read");
    document.getElementById("shown").textContent = `${told.venue}, ${window}, market time: ${counted.join(", ")}.`;
    const tag = document.getElementById("venue-tag");
    const kind = venueKind(told.venue, told.live);
    tag.dataset.kind = kind;
    tag.textContent = told.live === null ? "" : kind.toUpperCase();
    tag.hidden = told.live === null;
  }
}

function edge(text, otherwise) {
  return text === null || text.startsWith("1970") ? otherwise : time(Date.parse(text), "dateMinute");
}
