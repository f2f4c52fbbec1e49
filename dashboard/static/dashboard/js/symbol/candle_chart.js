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
import { AHEAD, amount, bar, options, places } from "./candle_points.js";
import { SignalLayer } from "./signal_layer.js";

const SHOWN = 120;
const MOVE = 10;
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
    // A chart has no width before the page is laid out.
    this.chart.timeScale().subscribeSizeChange((width) => width > 0 && this.opening && this.toNewest(SHOWN));
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < 10 && this.byOpen.size > 0 && !this.opening) onOldest();
    });
    element.addEventListener("keydown", (event) => this.press(event));
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
    const scale = this.chart.timeScale();
    const seen = keep ? scale.getVisibleRange() : null;
    const follows = !seen || this.follows;
    this.stepMs = stepMs;
    this.byOpen = new Map(candles.map((each) => [each.openMs, each]));
    if (candles.length > 0) this.precision(decimals(candles.at(-1).close, this.symbol));
    const points = places(candles, stepMs);
    this.axis.setData(points.map((ms) => ({ time: ms / 1_000 })));
    this.series.setData(candles.map((each) => bar(each, this.colours)));
    this.volume.setData(candles.filter((each) => each.volume !== null).map(amount));
    const newest = candles.length ? points.indexOf(candles.at(-1).openMs) : 0;
    this.newest = newest;
    this.opening ||= !keep;
    if (!keep || follows) this.toNewest(this.opening ? SHOWN : this.span);
    else if (seen) scale.setVisibleRange(seen);
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

  /** Bring a candle into view. */
  bring(openMs) {
    const scale = this.chart.timeScale();
    const index = scale.timeToIndex(openMs / 1_000, true);
    const range = scale.getVisibleLogicalRange();
    if (index === null || range === null || (index > range.from + 2 && index < range.to - AHEAD / 2)) return;
    const half = (range.to - range.from) / 2;
    scale.setVisibleLogicalRange({ from: index - half, to: index + half });
  }

  get span() {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    return range ? range.to - range.from - AHEAD : SHOWN;
  }

  get follows() {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    return range === null || range.to >= this.newest;
  }

  /** Opens of the first and last candle in view; null where there is none. */
  inView() {
    const range = this.chart.timeScale().getVisibleRange();
    return range ? [range.from * 1_000, range.to * 1_000] : null;
  }

  toNewest(span) {
    const shown = Math.min(span, Math.max(30, this.element.clientWidth / 6));
    this.chart.timeScale().setVisibleLogicalRange({ from: this.newest - shown, to: this.newest + AHEAD });
    if (this.chart.timeScale().width() > 0) this.opening = false;
  }

  press(event) {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (range === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const width = range.to - range.from;
    const moves = {
      ArrowLeft: () => this.look(range.from - MOVE, range.to - MOVE),
      ArrowRight: () => this.look(range.from + MOVE, range.to + MOVE),
      "+": () => this.look(range.from + width / 6, range.to),
      "-": () => this.look(range.from - width / 4, range.to),
      End: () => this.toNewest(width - AHEAD),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  }

  look(from, to) {
    this.chart.timeScale().setVisibleLogicalRange({ from, to });
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
