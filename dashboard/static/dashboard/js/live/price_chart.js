// The price line with the forecasts over it. The time axis has a place for every second, up to
// a little past the forecast's target, so that marks and cone have somewhere to stand.

import { createChart, LineSeries } from "../../../vendor/lightweight-charts/lightweight-charts.standalone.production.mjs";
import { ForecastLayer } from "./forecast_layer.js";
import { colour } from "../shell/colours.js";
import { decimals } from "../shell/formats.js";
import { onTheme } from "../shell/preferences.js";
import { time } from "../shell/times.js";

const AHEAD_SECONDS = 3;
const at = (seconds) => time(seconds * 1_000);

export class PriceChart {
  constructor(element, horizonMs) {
    this.horizonSeconds = Math.ceil(horizonMs / 1000);
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
    this.series = this.chart.addSeries(LineSeries, { lineWidth: 2, priceLineVisible: false });
    this.layer = new ForecastLayer(this.colours);
    this.series.attachPrimitive(this.layer);
    this.recolour();
    onTheme(() => this.recolour());
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

  render(state) {
    const seconds = [...state.mids.keys()];
    if (seconds.length === 0) {
      this.series.setData([]);
      this.layer.show([], null);
      return;
    }
    const made = state.latest ? Math.floor(state.latest.timestamp / 1000) : 0;
    const now = Math.max(...seconds, made);
    const first = now - this.minutes * 60;
    const end = now + this.horizonSeconds + AHEAD_SECONDS;
    const points = [];
    for (let second = first; second <= end; second += 1) {
      const mid = state.mids.get(second);
      points.push(mid === undefined ? { time: second } : { time: second, value: mid });
    }
    this.precision(decimals(state.mids.get(Math.max(...seconds)), state.symbol));
    const shown = state
      .sortedForecasts()
      .filter((f) => f.target_ts >= first * 1000 && f.target_ts !== state.latest?.target_ts);
    this.series.setData(points);
    this.layer.show(shown, state.latest);
    this.chart.timeScale().setVisibleLogicalRange({ from: 0, to: points.length - 1 });
  }

  precision(digits) {
    if (digits === this.digits) return;
    this.digits = digits;
    const minMove = Number(`1e-${digits}`);
    this.series.applyOptions({ priceFormat: { type: "price", precision: digits, minMove } });
  }
}
