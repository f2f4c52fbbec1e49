// Draws signals over the candles: a triangle at the candle that each was made from, which points
// where it was to go. Its filling says how it ended: full target, cross stop, bar timed out,
// empty not known yet. Of the chosen one, from its close on: what was at risk and the targets.

import { ending } from "./signal_state.js";

const HORIZON_CANDLES = 12;
const SIZE = 5.5;
const APART = 9;
const REACH = 12;

export class SignalLayer {
  constructor(colours, candleOf) {
    this.colours = colours;
    this.candleOf = candleOf;
    this.signals = [];
    this.chosen = null;
    this.places = [];
    this.views = [this.view("bottom", (s) => this.drawChosen(s)), this.view("top", (s) => this.drawAll(s))];
  }

  view(order, draw) {
    const renderer = { draw: (target) => target.useBitmapCoordinateSpace(draw) };
    return { zOrder: () => order, renderer: () => renderer };
  }

  attached({ chart, series, requestUpdate }) {
    this.chart = chart;
    this.series = series;
    this.requestUpdate = requestUpdate;
  }

  show(signals, chosen, stepMs) {
    this.signals = signals;
    this.chosen = chosen;
    this.stepMs = stepMs;
    this.requestUpdate?.();
  }

  paneViews() {
    return this.views;
  }

  // The levels of the chosen signal belong into view, where its candles are.
  autoscaleInfo(from, to) {
    const { chosen } = this;
    if (chosen === null || chosen.stop === null) return null;
    const scale = this.chart.timeScale();
    const index = scale.timeToIndex(chosen.openMs / 1000);
    if (index === null || index > to || index + HORIZON_CANDLES < from) return null;
    const prices = [chosen.stop, ...chosen.targets.map((each) => each.price)];
    return { priceRange: { minValue: Math.min(...prices), maxValue: Math.max(...prices) } };
  }

  hitTest(x, y) {
    const near = this.places.find((each) => Math.hypot(each.x - x, each.y - y) <= REACH);
    return near ? { cursorStyle: "pointer", externalId: String(near.openMs), zOrder: "top" } : null;
  }

  /** The open of the candle whose signal lies at a point, or null. */
  at(point) {
    const hit = point ? this.hitTest(point.x, point.y) : null;
    return hit ? Number(hit.externalId) : null;
  }

  drawAll({ context, horizontalPixelRatio: h, verticalPixelRatio: v }) {
    this.places = [];
    for (const signal of this.signals) {
      const place = this.place(signal);
      if (place === null) continue;
      this.places.push({ ...place, openMs: signal.openMs });
      const chosen = signal.openMs === this.chosen?.openMs;
      drawMark(context, [place.x * h, place.y * v], v * SIZE, {
        up: signal.direction === "LONG",
        kind: ending(signal),
        colour: this.colours[ending(signal)],
        card: this.colours.card,
        ring: chosen ? this.colours.focus : null,
        unit: v,
      });
    }
  }

  place({ openMs, direction }) {
    const candle = this.candleOf(openMs);
    if (!candle) return null;
    const long = direction === "LONG";
    const x = this.chart.timeScale().timeToCoordinate(openMs / 1000);
    const y = this.series.priceToCoordinate(long ? candle.low : candle.high);
    return x === null || y === null ? null : { x, y: y + (long ? APART : -APART) };
  }

  drawChosen({ context, horizontalPixelRatio: h, verticalPixelRatio: v }) {
    const { chosen } = this;
    if (chosen === null || chosen.stop === null) return;
    const ends = Date.parse(chosen.outcome?.ended_at ?? "") || chosen.closeMs + HORIZON_CANDLES * this.stepMs;
    const [left, right, until] = [chosen.closeMs, ends, chosen.untilMs].map((ms) => this.edge(ms));
    if (left === null || right === null) return;
    const y = (price) => this.series.priceToCoordinate(price) * v;
    const box = (from, to, colour) => {
      context.fillStyle = colour;
      context.fillRect(left * h, Math.min(y(from), y(to)), (right - left) * h, Math.abs(y(to) - y(from)));
    };
    box(chosen.entry, chosen.stop, this.colours.missFill);
    box(chosen.entry, chosen.targets.at(-1)?.price ?? chosen.entry, this.colours.hitFill);
    if (until === null) return;
    // As long as it could be entered: a bar along the entry.
    context.fillStyle = this.colours.focus;
    context.fillRect(left * h, y(chosen.entry) - 2 * v, Math.max((until - left) * h, 2 * h), 4 * v);
  }

  // Where a time lies: a candle's place is its middle, and the axis has one for every step.
  edge(ms) {
    const scale = this.chart.timeScale();
    const openMs = Math.floor(ms / this.stepMs) * this.stepMs;
    const index = scale.timeToIndex(openMs / 1000, true);
    if (index === null) return null;
    const x = scale.logicalToCoordinate(index);
    const width = scale.options().barSpacing;
    return x === null ? null : x + width * ((ms - openMs) / this.stepMs - 0.5);
  }
}

function drawMark(context, [x, y], r, { up, kind, colour, card, ring, unit }) {
  const way = up ? -1 : 1;
  context.lineWidth = 1.6 * unit;
  context.lineJoin = "round";
  context.strokeStyle = colour;
  context.fillStyle = kind === "hit" ? colour : card;
  context.beginPath();
  context.moveTo(x, y + way * r);
  context.lineTo(x - r, y - way * r * 0.8);
  context.lineTo(x + r, y - way * r * 0.8);
  context.closePath();
  context.fill();
  context.stroke();
  const below = y - way * r * 2;
  if (kind === "miss") {
    line(context, [x - r * 0.7, below - r * 0.6], [x + r * 0.7, below + r * 0.6]);
    line(context, [x - r * 0.7, below + r * 0.6], [x + r * 0.7, below - r * 0.6]);
  }
  if (kind === "flat") line(context, [x - r, below], [x + r, below]);
  if (ring === null) return;
  context.strokeStyle = ring;
  context.beginPath();
  context.arc(x, y, r * 2, 0, 2 * Math.PI);
  context.stroke();
}

function line(context, from, to) {
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}
