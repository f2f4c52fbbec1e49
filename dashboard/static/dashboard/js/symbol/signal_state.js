// The signals of one timeframe that the chart shows: rows of the ledger, and those that stand now
// and have not reached it yet. Times are market time in ms.

const TRADES = new Set(["LONG", "SHORT"]);

export class SignalState {
  constructor() {
    this.rows = new Map(); // candle's open ms -> signal
    this.version = 0;
  }

  /** Take rows of /api/signals. */
  takeRows(rows) {
    for (const row of rows) if (TRADES.has(row.direction)) this.put(ofRow(row));
    this.version += 1;
  }

  /** Take the signal that stands: an item of /api/predictions. */
  takeStanding(item) {
    if (!TRADES.has(item.direction)) return;
    const openMs = Date.parse(item.candle_open);
    const known = this.rows.get(openMs);
    if (known?.id != null && known.direction === item.direction && known.entry === item.entry) return;
    this.put({ ...ofItem(item), outcome: null, id: null });
    this.version += 1;
  }

  put(signal) {
    this.rows.set(signal.openMs, signal);
  }

  /** Oldest first. */
  all() {
    return [...this.rows.values()].sort((a, b) => a.openMs - b.openMs);
  }

  /** The one `steps` beside `signal` in time, or null. */
  beside(signal, steps) {
    const all = this.all();
    const at = all.findIndex((each) => each.openMs === signal.openMs);
    return all[at + steps] ?? null;
  }
}

/** A row of the ledger as the page's modules read it. */
export function ofRow(row) {
  return {
    ...ofItem(row),
    id: row.id,
    late: row.late,
    superseded: row.superseded,
    outcome: row.outcome,
  };
}

function ofItem(item) {
  return {
    symbol: item.symbol,
    timeframe: item.timeframe,
    direction: item.direction,
    reason: item.reason,
    confidence: item.confidence,
    entry: item.entry,
    stop: item.stop_loss,
    targets: item.take_profits,
    openMs: Date.parse(item.candle_open),
    closeMs: Date.parse(item.candle_close),
    untilMs: Date.parse(item.valid_until),
  };
}

/** How a signal ended: "hit", "miss", "flat" (timed out), "open", "none" (not gradable, no trade). */
export function ending({ direction, outcome }) {
  if (outcome === null || outcome === undefined) return direction === "NO_TRADE" ? "none" : "open";
  if (outcome.status !== "graded") return "none";
  return { take_profit: "hit", stop_loss: "miss", timed_out: "flat" }[outcome.result] ?? "none";
}
