// Candles with volume below them and signals on them. The axis has a place for every step between
// the first candle and twelve after the newest, so that a missing candle is a gap that shows.

import {
  CandlestickSeries,
  createChart,
  HistogramSeries,
  LineSeries,
  LineStyle,
} from "../../../vendor/lightweight-charts/lightweight-charts.standalone.production.mjs";
import { colour } from "../shell/colours.js";
import { decimals, fixed } from "../shell/formats.js";
import { onTheme } from "../shell/preferences.js";
import { amount, bar, options, places } from "./candle_points.js";
import { ChartView } from "./chart_view.js";
import { SignalLayer } from "./signal_layer.js";

const NARROW = 600;

export class CandleChart {
  /** onChoose(openMs): a signal was clicked. onOldest(): the reader has come to the first candle. */
  constructor(element, symbol, { onChoose, onOldest, onRead }) {
    this.element = element;
    this.symbol = symbol;
    this.colours = {};
    this.byOpen = new Map();
    this.stepMs = 0;
    this.levels = [];
    const priced = (price) => fixed(price, this.digits ?? decimals(price, symbol));
    this.chart = createChart(element, options(() => this.stepMs, priced));
    this.axis = this.chart.addSeries(LineSeries, {
      priceScaleId: "volume",
      priceLineVisible: false,
      lastValueVisible: false,
    });
    this.volume = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      priceLineVisible: false,
      lastValueVisible: false,
    });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.series = this.chart.addSeries(CandlestickSeries, { priceLineStyle: LineStyle.Dotted });
    this.layer = new SignalLayer(this.colours, (openMs) => this.byOpen.get(openMs));
    this.series.attachPrimitive(this.layer);
    this.recolour();
    onTheme(() => this.recolour());
    this.chart.subscribeClick(({ point }) => {
      const openMs = this.layer.at(point);
      if (openMs !== null) onChoose(openMs);
    });
    this.chart.subscribeCrosshairMove(({ time: at }) => onRead(at === undefined ? null : at * 1_000));
    this.view = new ChartView(this.chart.timeScale(), element, onOldest);
  }

  recolour() {
    Object.assign(this.colours, {
      card: colour("--card"),
      focus: colour("--focus"),
      hit: colour("--up"),
      miss: colour("--down"),
      flat: colour("--flat"),
      none: colour("--flat"),
      open: colour("--forecast"),
      hitFill: colour("--up-fill"),
      missFill: colour("--down-fill"),
      volume: colour("--line"),
    });
    const [up, down] = [this.colours.hit, this.colours.miss];
    this.chart.applyOptions({
      layout: { background: { color: colour("--card") }, textColor: colour("--muted") },
      grid: { vertLines: { color: colour("--grid") }, horzLines: { color: colour("--grid") } },
      timeScale: { borderColor: colour("--line") },
      rightPriceScale: { borderColor: colour("--line") },
    });
    this.series.applyOptions({
      upColor: this.colours.card, downColor: down,
      borderUpColor: up, borderDownColor: down, wickUpColor: up, wickDownColor: down,
      priceLineColor: colour("--price"),
    });
    this.volume.applyOptions({ color: this.colours.volume });
    this.drawLevels(this.chosen ?? null);
  }

  /** Show all candles anew. keep: leave the reader where they are looking. */
  showCandles(candles, stepMs, { keep }) {
    const seen = keep ? this.view.seen() : null;
    this.stepMs = stepMs;
    this.byOpen = new Map(candles.map((each) => [each.openMs, each]));
    this.precision(decimals(candles.at(-1).close, this.symbol));
    const points = places(candles, stepMs);
    this.axis.setData(points.map((ms) => ({ time: ms / 1_000 })));
    this.series.setData(candles.map((each) => bar(each, this.colours)));
    this.volume.setData(candles.filter((each) => each.volume !== null).map(amount));
    this.view.restore(points, candles.at(-1).openMs, seen);
    this.layer.show(this.layer.signals, this.layer.chosen, stepMs);
  }

  /** Draw the newest candle's growth. */
  growCandle(candle) {
    this.byOpen.set(candle.openMs, candle);
    this.series.update(bar(candle, this.colours));
  }

  showSignals(signals, chosen) {
    this.chosen = chosen;
    this.layer.show(signals, chosen, this.stepMs);
    this.drawLevels(chosen);
    this.series.priceScale().setAutoScale(true);
  }

  drawLevels(chosen) {
    for (const each of this.levels) this.series.removePriceLine(each);
    this.levels = linesOf(chosen, this.colours, this.element.clientWidth < NARROW).map((each) => this.series.createPriceLine(each));
    this.element.dataset.levels = JSON.stringify(this.levels.map((each) => each.options().price));
  }

  precision(digits) {
    if (digits === this.digits) return;
    this.digits = digits;
    const minMove = Number(`1e-${digits}`);
    this.series.applyOptions({ priceFormat: { type: "price", precision: digits, minMove } });
  }
}

function linesOf(chosen, colours, narrow) {
  if (chosen === null) return [];
  const level = (title, price, color, lineStyle) => ({
    title, price, color, lineStyle, lineWidth: 1, axisLabelVisible: true,
    axisLabelColor: color, axisLabelTextColor: colours.card,
  });
  const lines = [level("Entry", chosen.entry, colours.focus, LineStyle.Solid)];
  if (chosen.stop !== null) lines.push(level("Stop", chosen.stop, colours.miss, LineStyle.Dashed));
  for (const each of chosen.targets) lines.push(level(`${narrow ? "T" : "Target "}${each.level}`, each.price, colours.hit, LineStyle.Dashed));
  return lines;
}
