// What one coin's graded forecasts came to on this page, kept as sums: it may be open for months.

// The newest targets are remembered, so that a snapshot counts nothing twice. What lies before
// all of them was either counted or is older than the page's record.
const REMEMBERED = 256;

export class Tally {
  constructor() {
    this.known = new Set();
    this.forgotten = -Infinity; // the newest target that is not remembered any more
    this.graded = 0;
    this.fallbacks = 0;
    this.directed = 0;
    this.hits = 0;
    this.bounded = 0;
    this.covered = 0;
    this.measured = 0;
    this.error = 0;
    this.noChange = 0;
  }

  /** Count a graded forecast once. fallback: whether no model made it. */
  take(targetTs, outcome, fallback) {
    if (outcome.status !== "graded" || targetTs <= this.forgotten || this.known.has(targetTs)) return;
    this.remember(targetTs);
    this.graded += 1;
    if (fallback) this.fallbacks += 1;
    if (outcome.direction_hit !== null) {
      this.directed += 1;
      if (outcome.direction_hit) this.hits += 1;
    }
    if (outcome.covered !== null) {
      this.bounded += 1;
      if (outcome.covered) this.covered += 1;
    }
    if (outcome.error_bp !== null && outcome.no_change_error_bp !== null) {
      this.measured += 1;
      this.error += Math.abs(outcome.error_bp);
      this.noChange += Math.abs(outcome.no_change_error_bp);
    }
  }

  remember(targetTs) {
    this.known.add(targetTs);
    if (this.known.size <= REMEMBERED) return;
    const oldest = this.known.values().next().value;
    this.known.delete(oldest);
    this.forgotten = Math.max(this.forgotten, oldest);
  }

  /** Rates and means with their n; null under `least` cases. */
  record(least) {
    const rate = (sum, n) => ({ value: n < least ? null : sum / n, n });
    return {
      graded: this.graded,
      fallbacks: this.fallbacks,
      hits: rate(this.hits, this.directed),
      covered: rate(this.covered, this.bounded),
      mae: rate(this.error, this.measured),
      noChange: rate(this.noChange, this.measured),
    };
  }
}
