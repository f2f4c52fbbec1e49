// Draws forecasts over the price line: the current one as a cone, past ones as marks at their
// target times on the band of their intervals. Shape says the outcome as well as colour: disc
// hit, cross miss, bar flat, ring open.

import { mark } from "./market_state.js";

// Neighbours further apart than this have a gap between them, and so has the band.
const BAND_GAP_MS = 5_000;

export class ForecastLayer {
  constructor(colours) {
    this.colours = colours;
    this.forecasts = [];
    this.current = null;
    this.first = 0; // the second at the axis' first place
    const renderer = { draw: (target) => target.useBitmapCoordinateSpace((s) => this.draw(s)) };
    this.views = [{ zOrder: () => "top", renderer: () => renderer }];
    this.axisViews = [this.axisView()];
  }

  attached({ chart, series, requestUpdate }) {
    this.chart = chart;
    this.series = series;
    this.requestUpdate = requestUpdate;
  }

  show(forecasts, current) {
    this.forecasts = forecasts.filter((f) => f.predicted_price != null);
    this.current = current?.predicted_price != null ? current : null;
    this.requestUpdate?.();
  }

  paneViews() {
    return this.views;
  }

  priceAxisViews() {
    return this.axisViews;
  }

  axisView() {
    return {
      coordinate: () => this.series.priceToCoordinate(this.current?.predicted_price) ?? -100,
      text: () => this.series.priceFormatter().format(this.current?.predicted_price ?? 0),
      textColor: () => this.colours.card,
      backColor: () => this.colours.forecast,
      visible: () => this.current !== null,
    };
  }

  autoscaleInfo() {
    const shown = this.current ? [...this.forecasts, this.current] : this.forecasts;
    const known = shown
      .flatMap((f) => [f.predicted_price, f.lower, f.upper])
      .filter((price) => price != null);
    if (known.length === 0) return null;
    return { priceRange: { minValue: Math.min(...known), maxValue: Math.max(...known) } };
  }

  draw(scope) {
    const at = (ms, price) => {
      const x = this.chart.timeScale().logicalToCoordinate(ms / 1_000 - this.first);
      const y = this.series.priceToCoordinate(price);
      if (x === null || y === null) return null;
      return [x * scope.horizontalPixelRatio, y * scope.verticalPixelRatio];
    };
    const unit = scope.verticalPixelRatio;
    for (const run of this.runs()) this.drawBand(scope.context, run, at);
    if (this.current) this.drawCone(scope.context, this.current, at, unit);
    for (const each of this.forecasts) this.drawPast(scope.context, each, at, unit);
  }

  // Past forecasts with an interval, split where ticks are missing.
  runs() {
    const runs = [];
    let last = -Infinity;
    for (const each of this.forecasts) {
      if (each.lower == null || each.upper == null) continue;
      if (each.target_ts - last > BAND_GAP_MS) runs.push([]);
      runs.at(-1).push(each);
      last = each.target_ts;
    }
    return runs;
  }

  drawBand(context, run, at) {
    const highs = run.map((f) => at(f.target_ts, f.upper)).filter(Boolean);
    const lows = run.map((f) => at(f.target_ts, f.lower)).filter(Boolean);
    if (highs.length < 2) return;
    context.fillStyle = this.colours.band;
    context.beginPath();
    for (const point of [...highs, ...lows.reverse()]) context.lineTo(...point);
    context.closePath();
    context.fill();
  }

  drawPast(context, forecast, at, unit) {
    const point = at(forecast.target_ts, forecast.predicted_price);
    if (!point) return;
    const kind = mark(forecast);
    context.lineWidth = 1.6 * unit;
    context.strokeStyle = context.fillStyle = this.colours[kind] ?? this.colours.flat;
    drawMark(context, kind, point, 3 * unit);
  }

  drawCone(context, forecast, at, unit) {
    const from = forecast.mid_price ?? forecast.current_price;
    const end = at(forecast.target_ts, forecast.predicted_price);
    const start = from == null ? end : at(forecast.timestamp, from);
    if (!start || !end) return;
    const low = forecast.lower == null ? null : at(forecast.target_ts, forecast.lower);
    const high = forecast.upper == null ? null : at(forecast.target_ts, forecast.upper);
    context.strokeStyle = this.colours.forecast;
    context.lineWidth = unit;
    if (low && high) {
      context.fillStyle = this.colours.forecastFill;
      context.beginPath();
      context.moveTo(...start);
      context.lineTo(...high);
      context.lineTo(...low);
      context.closePath();
      context.fill();
      line(context, low, high);
    }
    context.lineWidth = 1.6 * unit;
    context.setLineDash([4 * unit, 3 * unit]);
    line(context, start, end);
    context.setLineDash([]);
    context.fillStyle = this.colours.card;
    drawMark(context, "open", end, 4 * unit);
  }
}

function line(context, from, to) {
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}

function drawMark(context, kind, [x, y], r) {
  if (kind === "miss") {
    line(context, [x - r, y - r], [x + r, y + r]);
    line(context, [x - r, y + r], [x + r, y - r]);
  } else if (kind === "flat" || kind === "none") {
    line(context, [x - r, y], [x + r, y]);
  } else {
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    if (kind === "hit") context.fill();
    context.stroke();
  }
}
