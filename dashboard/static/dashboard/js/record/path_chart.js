// A price's path as candles or as a line, with lines and marks of what was said over it.

import {
  CandlestickSeries,
  LineSeries,
  LineStyle,
  TickMarkType,
  createChart,
  createSeriesMarkers,
} from "../../../vendor/lightweight-charts/lightweight-charts.standalone.production.mjs";
import { colour } from "../shell/colours.js";
import { onPreference, onTheme } from "../shell/preferences.js";
import { time } from "../shell/times.js";

const QUIET = { lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false };

export class PathChart {
  /** style: of js/shell/times.js, for the time axis. */
  constructor(element, { candles, style }) {
    const at = (seconds) => time(seconds * 1_000, style);
    // A day begins at another time than in UTC, so its mark says the time as well.
    const short = style === "clock" ? "clock" : "minute";
    const tick = (seconds, type) =>
      type < TickMarkType.Time ? time(seconds * 1_000, "dateMinute").slice(5) : time(seconds * 1_000, short);
    this.chart = createChart(element, {
      autoSize: true,
      handleScroll: false,
      handleScale: false,
      layout: { attributionLogo: false, fontSize: 11 },
      timeScale: { timeVisible: true, secondsVisible: style === "clock", minBarSpacing: 0.1, tickMarkFormatter: tick },
      localization: { timeFormatter: at },
      rightPriceScale: { scaleMargins: { top: 0.1, bottom: 0.1 } },
    });
    this.candles = candles;
    this.main = candles
      ? this.chart.addSeries(CandlestickSeries, { ...QUIET, borderVisible: false })
      : this.chart.addSeries(LineSeries, { ...QUIET, lineWidth: 2 });
    this.marks = createSeriesMarkers(this.main, []);
    this.lines = [];
    this.drawn = null;
    onTheme(() => this.recolour());
    onPreference("zone", () => this.recolour());
    this.recolour();
  }

  /** drawing: {points, lines: [{from, to, token, dashed, name}], marks: [{time, text, token, above}], digits}; times in seconds. */
  show(drawing) {
    this.drawn = drawing;
    const format = { type: "price", precision: drawing.digits, minMove: 10 ** -drawing.digits };
    this.main.applyOptions({ priceFormat: format });
    this.main.setData(drawing.points);
    for (const line of this.lines) this.chart.removeSeries(line);
    this.lines = drawing.lines.map((line) => this.line(line, format));
    this.mark();
    this.chart.timeScale().fitContent();
  }

  line({ from, to, token, dashed, name }, priceFormat) {
    const series = this.chart.addSeries(LineSeries, {
      ...QUIET,
      priceFormat,
      color: colour(token),
      lineWidth: dashed ? 1 : 2,
      lineStyle: dashed ? LineStyle.Dashed : LineStyle.Solid,
      title: name ?? "",
      lastValueVisible: name !== undefined,
    });
    series.setData(from.time < to.time ? [from, to] : [from]);
    return series;
  }

  mark() {
    const marks = this.drawn.marks.map(({ time: at, text, token, above }) => ({
      time: at,
      text,
      color: colour(token),
      shape: "circle",
      size: 0.7,
      position: above ? "aboveBar" : "belowBar",
    }));
    this.marks.setMarkers(marks.sort((one, other) => one.time - other.time));
  }

  recolour() {
    this.chart.applyOptions({
      layout: { background: { color: colour("--card") }, textColor: colour("--muted") },
      grid: { vertLines: { color: colour("--grid") }, horzLines: { color: colour("--grid") } },
      timeScale: { borderColor: colour("--line") },
      rightPriceScale: { borderColor: colour("--line") },
    });
    const [up, down] = [colour("--up"), colour("--down")];
    this.main.applyOptions(
      this.candles
        ? { upColor: up, downColor: down, wickUpColor: up, wickDownColor: down }
        : { color: colour("--price") },
    );
    if (this.drawn === null) return;
    for (const [index, line] of this.lines.entries()) {
      line.applyOptions({ color: colour(this.drawn.lines[index].token) });
    }
    this.mark();
  }
}
