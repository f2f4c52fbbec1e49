// Which candles the chart shows: the newest at first, then where the reader went, by hand or by
// keys. Places are counted as the library counts them; `newest` is that of the newest candle.

import { AHEAD } from "./candle_points.js";

const SHOWN = 120;
const LEAST = 30;
const WIDTH = 6; // px a candle at least, at first
const MOVE = 10;
const NEAR = 10;

export class ChartView {
  /** onOldest(): the reader has come to the first candle. */
  constructor(scale, element, onOldest) {
    this.scale = scale;
    this.element = element;
    this.newest = 0;
    this.newestMs = null;
    this.opening = true;
    // A chart has no width before the page is laid out.
    scale.subscribeSizeChange((width) => width > 0 && this.opening && this.open());
    scale.subscribeVisibleLogicalRangeChange((range) => {
      this.coming = null;
      if (range && range.from < NEAR && this.newestMs !== null && !this.opening) onOldest();
    });
    element.addEventListener("keydown", (event) => this.press(event));
  }

  /** What is seen, to give to `restore` when the candles have been replaced. */
  seen() {
    return this.opening ? null : this.range;
  }

  /** points: opens of all places. seen: null to begin at the newest candle. */
  restore(points, newestMs, seen) {
    const before = seen === null ? -1 : points.indexOf(this.newestMs);
    const put = before - this.newest; // so many places were put before it
    const [last, ms] = [points.indexOf(newestMs), newestMs];
    const follows = seen !== null && seen.from <= this.newest && this.newest <= seen.to;
    [this.newest, this.newestMs] = [last, ms];
    if (before < 0) {
      this.opening = true;
      this.open();
      return;
    }
    const by = put + (follows ? last - before : 0);
    this.look(seen.from + by, seen.to + by);
  }

  open() {
    const { clientWidth } = this.element;
    this.toNewest(Math.min(SHOWN, Math.max(LEAST, clientWidth / WIDTH)));
    if (this.scale.width() > 0) this.opening = false;
  }

  toNewest(count) {
    this.look(this.newest - count, this.newest + AHEAD);
  }

  /** Bring a candle into view. */
  bring(openMs) {
    const index = this.scale.timeToIndex(openMs / 1_000, true);
    const { range } = this;
    if (index === null || range === null || (index > range.from + 2 && index < range.to - AHEAD / 2)) return;
    const half = (range.to - range.from) / 2;
    this.look(index - half, index + half);
  }

  // The library moves at the next frame; what comes sooner goes on from where it will be.
  get range() {
    return this.coming ?? this.scale.getVisibleLogicalRange();
  }

  look(from, to) {
    this.coming = { from, to };
    this.scale.setVisibleLogicalRange(this.coming);
  }

  /** Opens of the first and last candle in view; null where there is none. */
  opens() {
    const range = this.scale.getVisibleRange();
    return range ? [range.from * 1_000, range.to * 1_000] : null;
  }

  press(event) {
    const { range } = this;
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
}
