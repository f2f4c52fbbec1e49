// How good the forecasts were: on this page, and beside it in the ledger's last 24 hours.

import { HEADLINES, count, pick, verdict } from "../accuracy/words.js";
import * as formats from "../shell/formats.js";
import { writeText } from "../shell/page_text.js";
import { Panel } from "../shell/panel.js";

const HIT_RATE = HEADLINES.forecasts.find(({ name }) => name === "hit_rate");
const ERROR = HEADLINES.forecasts.find(({ name }) => name === "mae");
const bp = (value) => (value == null ? formats.UNKNOWN : `${value.toFixed(2)} bp`);

export class RecordPanel {
  constructor(section) {
    this.panel = new Panel(section.querySelector(".ledger-record"));
    this.parts = Object.fromEntries(
      [...section.querySelectorAll("[data-part]")].map((each) => [each.dataset.part, each]),
    );
    this.toldNow = undefined;
  }

  showPage(record) {
    const { count: graded, hits, covered, mae, noChange } = this.parts;
    const fallbacks = record.fallbacks ? `, ${record.fallbacks} by fallback` : "";
    writeText(graded, `${record.graded} graded${fallbacks}`);
    writeText(hits, counted(record.hits, formats.percent));
    writeText(covered, counted(record.covered, formats.percent));
    writeText(mae, counted(record.mae, bp));
    writeText(noChange, counted(record.noChange, bp));
  }

  showLedger(ledger) {
    const { told, refusal } = ledger;
    if (told === this.toldNow && refusal === this.refusalNow) return;
    this.toldNow = told;
    this.refusalNow = refusal;
    if (told) this.writeLedger(told);
    if (refusal) this.panel.failed(refusal, () => ledger.renew());
    else if (told?.overall.n === 0) this.panel.empty("No graded forecast of the last 24 hours is in the ledger.");
    else if (told) this.panel.ready();
    else {
      this.panel.shown = false;
      this.panel.loading();
    }
  }

  writeLedger({ overall, minimum_n: least }) {
    const { hit_rate: hits, mae, coverage } = overall;
    const { dayHits, dayCovered, dayMae, dayNoChange, dayInterval, saidHits, saidError } = this.parts;
    writeText(dayHits, counted(hits, formats.percent));
    writeText(dayCovered, counted(coverage, formats.percent));
    writeText(dayMae, counted({ value: mae.mae_bp, n: mae.n }, bp));
    writeText(dayNoChange, counted({ value: mae.no_change_mae_bp, n: mae.n }, bp));
    writeText(dayInterval, hits.lower == null ? "" : `${formats.percent(hits.lower)} to ${formats.percent(hits.upper)}`);
    say(saidHits, "Direction", verdict(HIT_RATE, pick(HIT_RATE, overall), least));
    say(saidError, "Error over that of no change", verdict(ERROR, pick(ERROR, overall), least));
  }
}

function say(element, what, { kind, text }) {
  const sign = { good: "▲", bad: "▼" }[kind] ?? "";
  writeText(element, `${sign} ${what}: ${text}.`.trim(), kind);
}

function counted({ value, n }, format) {
  return `${value == null ? formats.UNKNOWN : format(value)} (n = ${count(n)})`;
}
