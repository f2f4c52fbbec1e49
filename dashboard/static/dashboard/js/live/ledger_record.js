// What the ledger says of the watched coin: its last 24 hours, and which model plays which role.
// Asked for at the start, at a change of coin or venue, and every minute.

import { ask } from "../shell/asking.js";

const EVERY_MS = 60_000;
const SOON_MS = 10_000;
const ROWS = 5;

export class LedgerRecord {
  /** onNews(): called when something was learned. */
  constructor(onNews) {
    this.onNews = onNews;
    this.roles = new Map();
    this.clear();
    document.addEventListener("visibilitychange", () => this.renew());
  }

  clear() {
    this.asking?.abort();
    this.told = null;
    this.refusal = null;
  }

  /** Ask for this coin of this venue from now on. */
  follow(symbol, venue) {
    if (symbol === this.symbol && venue === this.venue) return;
    if (venue !== this.venue) this.roles = new Map();
    this.symbol = symbol;
    this.venue = venue;
    this.clear();
    this.renew();
  }

  async renew() {
    clearTimeout(this.timer);
    // Nobody reads a hidden page; it is asked for when it is looked at again.
    if (!this.venue || document.hidden) return;
    const { symbol, venue } = this;
    this.asking?.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    let wait = EVERY_MS;
    try {
      const [told, rows] = await Promise.all([
        ask("/api/accuracy", { symbol, venue, days: 1 }, { signal }),
        ask("/api/forecasts", { symbol, venue, limit: ROWS }, { signal }),
      ]);
      this.told = told;
      this.refusal = null;
      this.learn(rows.results);
      if (rows.results.length === 0) wait = SOON_MS;
    } catch (error) {
      if (signal.aborted) return;
      this.refusal = error;
    }
    this.timer = setTimeout(() => this.renew(), wait);
    this.onNews();
  }

  learn(rows) {
    for (const { model_version: version, role } of rows) if (role && version) this.roles.set(version, role);
  }
}
