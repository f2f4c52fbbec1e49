// Brings candles and signals of one timeframe from REST: the newest, older ones, and after a
// break exactly those that are missing.

import { ask } from "../shell/asking.js";
import { CandleState } from "./candle_state.js";
import { SignalState } from "./signal_state.js";

const PAGE = 500;
const MOST = 1_000;
const PATIENCE_MS = 1_500;
const FIRST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 15_000;
const FORMING_MS = 20_000;
const REACH_PAGES = 8;

export class CandleFeed {
  /** onChange(): something came. onRefusal(refusal): or did not. */
  constructor(page, clock, { onChange, onRefusal }) {
    this.page = page;
    this.clock = clock;
    this.onChange = onChange;
    this.onRefusal = onRefusal;
    this.askedAt = 0;
    this.waitMs = FIRST_WAIT_MS;
  }

  /** Begin anew with a timeframe; what was asked of another is not waited for. */
  async show({ name, ms }) {
    this.aborting?.abort();
    this.aborting = new AbortController();
    this.timeframe = name;
    this.candles = new CandleState(ms);
    this.signals = new SignalState();
    this.complete = false; // whether the first answer has come
    this.asking = null;
    await this.refresh();
  }

  /** Ask for all candles that are missing up to now, and whether signals have ended. One question
   * at a time; a later one comes after it. */
  refresh() {
    const { signal } = this.aborting;
    this.asking = (this.asking ?? Promise.resolve()).then(() => this.newest(signal));
    return this.asking;
  }

  async newest(signal) {
    if (signal.aborted) return;
    this.askedAt = performance.now();
    const known = this.candles.newestStoredMs();
    const missing = this.missing(known);
    try {
      let answer = await this.ask({ limit: missing }, signal);
      if (this.candles.venue !== null && answer.venue !== this.candles.venue) {
        this.candles = new CandleState(this.candles.stepMs);
        this.signals = new SignalState();
        answer = await this.ask({ limit: PAGE }, signal);
      }
      this.candles.take(answer);
      this.complete = true;
      await this.askSignals({ from: this.candles.oldestMs() }, signal);
      const grown = this.candles.newestStoredMs() !== known;
      this.waitMs = grown ? FIRST_WAIT_MS : Math.min(this.waitMs * 1.5, LONGEST_WAIT_MS);
      this.onChange();
    } catch (refusal) {
      if (!signal.aborted) this.onRefusal(refusal);
    }
  }

  // As many as can have closed since the newest that is known, and some that may be restated.
  missing(knownMs) {
    if (knownMs === null || !this.complete) return PAGE;
    const now = this.clock.now();
    if (now === null) return PAGE;
    const count = Math.max(3, Math.ceil((now - knownMs) / this.candles.stepMs) + 2);
    if (count <= MOST) return count;
    this.candles = new CandleState(this.candles.stepMs); // away too long: begin anew
    return PAGE;
  }

  async older(signal = this.aborting.signal) {
    if (!this.complete || this.candles.first || this.askingOlder) return;
    this.askingOlder = true;
    const { candles } = this;
    const before = candles.oldestMs();
    try {
      const answer = await this.ask({ limit: PAGE, to: iso(before), venue: candles.venue }, signal);
      if (candles !== this.candles) return; // begun anew meanwhile: another market, or away too long
      candles.first = answer.count < PAGE;
      candles.take(answer);
      await this.askSignals({ from: candles.oldestMs(), to: before + 1 }, signal);
      this.onChange();
    } catch (refusal) {
      if (!signal.aborted) this.onRefusal(refusal);
    } finally {
      this.askingOlder = false;
    }
  }

  /** Bring candles back to a time, as far as a reader would follow. */
  async reach(openMs) {
    await this.asking;
    for (let n = 0; n < REACH_PAGES && !this.candles.first && (this.candles.oldestMs() ?? 0) > openMs; n += 1) {
      await this.older();
    }
  }

  /** Called now and then: asks where a candle is due, or where no quotes tell of the newest. */
  look() {
    if (!this.complete || document.hidden) return;
    const now = this.clock.now();
    const waited = performance.now() - this.askedAt;
    const { stepMs } = this.candles;
    const due = (this.candles.newestStoredMs() ?? 0) + 2 * stepMs;
    const overdue = now !== null && this.clock.wall(now - due) > PATIENCE_MS && waited > this.waitMs;
    if (overdue || (!this.page.forecast && waited > FORMING_MS)) this.refresh();
  }

  ask(beside, signal) {
    const { symbol } = this.page;
    return ask("/api/candles", { symbol, timeframe: this.timeframe, ...beside }, { signal });
  }

  // Of closes from `from` on and before `to`, both ms.
  async askSignals({ from, to }, signal) {
    if (from === null || !this.page.signals) return;
    const asked = {
      symbol: this.page.symbol,
      timeframe: this.timeframe,
      venue: this.candles.venue,
      latest_revision: true,
      limit: MOST,
      from: iso(from),
      to: to === undefined ? null : iso(to),
    };
    for (const direction of ["LONG", "SHORT"]) {
      const rows = await ask("/api/signals", { ...asked, direction }, { signal });
      this.signals.takeRows(rows.results);
    }
  }
}

function iso(ms) {
  return new Date(ms).toISOString();
}
