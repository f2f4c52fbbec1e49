// What signals of this coin, timeframe and model came to so far, and the chosen one's own page:
// asked of the server when a signal is chosen.

import { address, ask } from "../shell/asking.js";
import { made } from "../shell/elements.js";
import { percent } from "../shell/formats.js";
import { Panel } from "../shell/panel.js";

// A candle may have revisions, and another may have closed meanwhile.
const NEWEST_ROWS = 5;
// The recorder writes a signal down a moment after it was told.
const AGAIN_MS = [1_500, 4_000, 15_000];

export class SignalRecord {
  constructor(element, figure, link, { urls, recordLast }) {
    this.panel = new Panel(element);
    this.figure = figure;
    this.link = link;
    this.urls = urls;
    this.last = recordLast;
  }

  /** Ask about this signal, unless it is the one asked about; null: about none. */
  show(signal) {
    const key = signal && `${signal.venue}/${signal.symbol}/${signal.timeframe}/${signal.made_ts}`;
    if (key === this.key) return;
    this.key = key;
    this.asking?.abort();
    clearTimeout(this.timer);
    this.link.hidden = true;
    if (signal === null) return;
    this.asking = new AbortController();
    this.panel.shown = false;
    this.askRecord(signal, this.asking.signal);
    this.askRow(signal, this.asking.signal, 0);
  }

  async askRecord({ symbol, timeframe, venue, model_version }, aborting) {
    this.panel.loading();
    const about = { engine: "signals", symbol, timeframe, venue, model_version, last: this.last };
    try {
      const told = await ask(this.urls.record, about, { signal: aborting });
      this.tell(told);
    } catch (refusal) {
      if (aborting.aborted) return;
      const again = () => this.askRecord({ symbol, timeframe, venue, model_version }, aborting);
      this.panel.failed(refusal, again);
    }
  }

  tell({ overall: { accuracy }, minimum_n: least }) {
    if (accuracy.value === null) {
      const told = `Live accuracy: not measured yet, n = ${accuracy.n} of the ${least} it takes.`;
      this.panel.empty(told);
      return;
    }
    this.figure.replaceChildren(percent(accuracy.value), made("span", "beside", beside(accuracy)));
    this.panel.ready();
  }

  // Its page, once the ledger has it. A failure costs the link alone.
  async askRow(signal, aborting, attempt) {
    const { symbol, timeframe, venue } = signal;
    const about = { symbol, timeframe, venue, limit: NEWEST_ROWS };
    const told = await ask(this.urls.rows, about, { signal: aborting }).catch(() => null);
    if (aborting.aborted) return;
    const row = told?.results.find((each) => Date.parse(each.made_at) === Math.round(signal.made_ts));
    if (row) {
      this.link.href = this.urls.signal.replace(/0$/, row.id);
      this.link.hidden = false;
    } else if (attempt < AGAIN_MS.length) {
      this.timer = setTimeout(() => this.askRow(signal, aborting, attempt + 1), AGAIN_MS[attempt]);
    }
  }
}

/** The accuracy page, of this coin and timeframe. */
export function accuracyAddress(urls, { symbol, timeframe }) {
  return address(urls.accuracy, { engine: "signals", symbol, timeframe });
}

function beside({ lower, upper, n, baseline }) {
  const interval = lower == null ? "no interval yet" : `95 %: ${percent(lower)} to ${percent(upper)}`;
  const plain = baseline == null ? "" : `; the commonest class alone ${percent(baseline)}`;
  return `${interval}, n = ${n}${plain}`;
}
