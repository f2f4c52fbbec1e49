// The price line with the forecasts over it. The time axis has a place for every second, up to
// a little past the forecast's target, so that marks and cone have somewhere to stand. What is
// new is added to what stands; all is drawn anew where the past changed.

import { createChart, LineSeries } from "../../../vendor/lightweight-charts/lightweight-charts.standalone.production.mjs";
import { colour } from "../shell/colours.js";
import { decimals } from "../shell/formats.js";
import { onPreference, onTheme } from "../shell/preferences.js";
import { time } from "../shell/times.js";
import { ForecastLayer } from "./forecast_layer.js";

const AHEAD_SECONDS = 3;
const SHOWN_SECONDS = 300;
// So many seconds are drawn at most before all is drawn anew, with what is older left out.
const KEPT_SECONDS = 900;
const INVISIBLE = "rgba(0, 0, 0, 0)";
const at = (seconds) => time(seconds * 1_000);

export class PriceChart {
  constructor(element, horizonMs) {
    this.horizonSeconds = Math.ceil(horizonMs / 1_000);
    this.minutes = 2;
    this.colours = {};
    this.chart = createChart(element, {
      autoSize: true,
      handleScroll: false,
      handleScale: false,
      layout: { attributionLogo: false, fontSize: 11 },
      timeScale: { secondsVisible: true, timeVisible: true, minBarSpacing: 0.1, tickMarkFormatter: at },
      localization: { timeFormatter: at },
      rightPriceScale: { scaleMargins: { top: 0.08, bottom: 0.08 } },
    });
    const quiet = { lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false };
    this.axis = this.chart.addSeries(LineSeries, quiet);
    this.series = this.chart.addSeries(LineSeries, { lineWidth: 2, priceLineVisible: false });
    this.layer = new ForecastLayer(this.colours);
    this.series.attachPrimitive(this.layer);
    this.recolour();
    onTheme(() => this.recolour());
    onPreference("zone", () => this.chart.applyOptions({ localization: { timeFormatter: (s) => at(s) } }));
  }

  recolour() {
    Object.assign(this.colours, {
      card: colour("--card"),
      forecast: colour("--forecast"),
      forecastFill: colour("--forecast-fill"),
      band: colour("--band"),
      hit: colour("--up"),
      miss: colour("--down"),
      flat: colour("--flat"),
      open: colour("--forecast"),
    });
    this.chart.applyOptions({
      layout: { background: { color: colour("--card") }, textColor: colour("--muted") },
      grid: { vertLines: { color: colour("--grid") }, horzLines: { color: colour("--grid") } },
      timeScale: { borderColor: colour("--line") },
      rightPriceScale: { borderColor: colour("--line") },
    });
    this.series.applyOptions({ color: colour("--price") });
  }

  /** gap: of more than so many seconds without a price the line is broken. */
  show(market, gap) {
    if (market.newest === null) {
      this.clear();
      return;
    }
    const key = `${market.version},${this.minutes}`;
    if (this.key === key) return;
    this.key = key;
    const made = market.latest ? Math.floor(market.latest.timestamp / 1_000) : 0;
    const now = Math.max(market.newest, made);
    const end = now + this.horizonSeconds + AHEAD_SECONDS;
    this.precision(decimals(market.mids.get(market.newest), market.symbol));
    if (this.revision !== market.revision || end - this.first > KEPT_SECONDS) this.begin(market, now, gap);
    this.lengthen(end);
    for (let second = this.drawn; second <= market.newest; second += 1) this.add(market, second, gap);
    this.drawn = market.newest;
    this.showForecasts(market, now - this.minutes * 60);
    const range = { from: now - this.minutes * 60 - this.first, to: end - this.first };
    this.chart.timeScale().setVisibleLogicalRange(range);
  }

  clear() {
    if (this.key === null) return;
    this.key = null;
    this.revision = null;
    this.axis.setData([]);
    this.series.setData([]);
    this.layer.show([], null);
  }

  begin(market, now, gap) {
    this.revision = market.revision;
    this.first = now - SHOWN_SECONDS;
    this.layer.first = this.first;
    this.end = now;
    this.last = null;
    const seconds = [];
    const points = [];
    for (let second = this.first; second <= now; second += 1) {
      seconds.push({ time: second });
      const mid = market.mids.get(second);
      if (mid === undefined) continue;
      if (this.last && second - this.last.time > gap) this.last.color = INVISIBLE;
      this.last = { time: second, value: mid };
      points.push(this.last);
    }
    this.axis.setData(seconds);
    this.series.setData(points);
    this.drawn = market.newest;
  }

  lengthen(end) {
    for (; this.end < end; this.end += 1) this.axis.update({ time: this.end + 1 });
  }

  add(market, second, gap) {
    const mid = market.mids.get(second);
    if (mid === undefined) return;
    if (this.last && second - this.last.time > gap) {
      // A point's colour is that of the line from it to the next.
      this.series.update({ ...this.last, color: INVISIBLE });
    }
    this.last = { time: second, value: mid };
    this.series.update(this.last);
  }

  showForecasts(market, first) {
    const shown = market
      .sortedForecasts()
      .filter((f) => f.target_ts >= first * 1_000 && f.target_ts !== market.latest?.target_ts);
    this.layer.show(shown, market.latest);
  }

  precision(digits) {
    if (digits === this.digits) return;
    this.digits = digits;
    const minMove = Number(`1e-${digits}`);
    // The first of a scale's series writes its numbers.
    for (const series of [this.axis, this.series]) {
      series.applyOptions({ priceFormat: { type: "price", precision: digits, minMove } });
    }
  }
}
