// Draws forecasts over the price line: the current one as a cone, past ones as marks at their
// target times. Shape says the outcome as well as colour: disc hit, cross miss, bar flat, ring open.

import { mark } from "./market_state.js";

export class ForecastLayer {
  constructor(colours) {
    this.colours = colours;
    this.forecasts = [];
    this.current = null;
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
    const prices = this.forecasts.map((f) => f.predicted_price);
    if (this.current) prices.push(this.current.lower, this.current.upper);
    const known = prices.filter((p) => p != null);
    if (known.length === 0) return null;
    return { priceRange: { minValue: Math.min(...known), maxValue: Math.max(...known) } };
  }

  draw(scope) {
    const at = (ms, price) => {
      const x = this.chart.timeScale().timeToCoordinate(ms / 1000);
      const y = this.series.priceToCoordinate(price);
      if (x === null || y === null) return null;
      return [x * scope.horizontalPixelRatio, y * scope.verticalPixelRatio];
    };
    const unit = scope.verticalPixelRatio;
    for (const each of this.forecasts) this.drawPast(scope.context, each, at, unit);
    if (this.current) this.drawCone(scope.context, this.current, at, unit);
  }

  drawPast(context, forecast, at, unit) {
    const point = at(forecast.target_ts, forecast.predicted_price);
    if (!point) return;
    const kind = mark(forecast);
    const low = forecast.lower == null ? null : at(forecast.target_ts, forecast.lower);
    const high = forecast.upper == null ? null : at(forecast.target_ts, forecast.upper);
    if (low && high) {
      context.strokeStyle = this.colours.interval;
      context.lineWidth = unit;
      line(context, low, high);
    }
    context.lineWidth = 1.6 * unit;
    context.strokeStyle = context.fillStyle = this.colours[kind] ?? this.colours.flat;
    drawMark(context, kind, point, 3 * unit);
  }

  drawCone(context, forecast, at, unit) {
    if (forecast.mid_price == null) return;
    const start = at(forecast.timestamp, forecast.mid_price);
    const end = at(forecast.target_ts, forecast.predicted_price);
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
