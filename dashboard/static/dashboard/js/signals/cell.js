// One cell of the matrix. It keeps what it wrote last, so that a draw writes only what changed.

import { made } from "../shell/elements.js";
import { percent } from "../shell/formats.js";
import { SIGNS, expired, quiet, strong, validity, word } from "../shell/signal_words.js";
import { time } from "../shell/times.js";

const PARTS = ["sign", "what", "share", "left"];
// Reasons that are more than their code, in as few words as a cell has room for.
const SHORT = {
  model_says_no_trade: "no trade",
  no_skill_shown: "no skill shown",
  candle_late: "candle late",
  not_enough_history: "short history",
  features_outdated: "candles old",
  signal_unreadable: "unreadable",
  symbol_halted: "halted",
  symbol_delisted: "delisted",
};

export class Cell {
  /** reasons: code → sentence. */
  constructor(button, reasons) {
    this.button = button;
    this.reasons = reasons;
    this.symbol = button.dataset.symbol;
    this.timeframe = button.dataset.timeframe;
    this.told = {};
    // What is seen is signs and figures; what is read out is a sentence.
    const seen = made("span", "seen");
    seen.setAttribute("aria-hidden", "true");
    this.parts = { label: made("span", "visually-hidden") };
    for (const name of PARTS) {
      this.parts[name] = made("span", name);
      seen.append(this.parts[name], " ");
    }
    button.append(this.parts.label, seen);
  }

  /** said: {signal, error}. shown: whether it passes the filters. heard: whether a snapshot came. */
  draw({ signal, error }, nowMs, { shown, heard }) {
    const over = signal !== null && expired(signal, nowMs);
    const same = this.signal === signal && this.error === error && this.over === over;
    if (!same || this.heard !== heard || this.shown !== shown) {
      Object.assign(this, { signal, error, over, heard, shown });
      this.drawAll(nowMs);
    }
    if (signal !== null) this.write("left", this.left(nowMs));
  }

  /** Write anew what a change of the time zone changes. */
  forget() {
    this.heard = undefined;
  }

  drawAll(nowMs) {
    const { signal, error } = this;
    const trade = signal !== null && signal.direction !== "NO_TRADE";
    this.mark("kind", signal ? signal.direction : error ? "error" : "none");
    this.mark("expired", String(trade && this.over));
    this.mark("strong", String(signal !== null && strong(signal, nowMs)));
    this.mark("late", String(signal !== null && error !== null));
    this.mark("quiet", String(signal !== null && error === null && quiet(signal)));
    this.mark("out", String(!this.shown));
    this.light(this.told.strong === "true" && this.shown ? signal.direction : "");
    this.write("sign", signal ? SIGNS[signal.direction] : error ? "✕" : "·");
    this.write("what", this.words());
    this.write("share", signal && !quiet(signal) ? percent(signal.confidence, 0) : "");
    if (signal === null) this.write("left", "");
    this.draws(signal && !quiet(signal) ? signal.confidence : 0);
    this.write("label", this.sentence());
  }

  words() {
    const { signal, error } = this;
    if (signal) return signal.direction === "NO_TRADE" ? brief(signal.reason || "no_trade") : word(signal.direction);
    if (error) return brief(error.code);
    return this.heard ? "not made yet" : "";
  }

  // Where there is nothing to enter, no time for it runs out. "!": no newer signal came, and why
  // is in the sentence.
  left(nowMs) {
    const trade = this.signal.direction !== "NO_TRADE";
    const late = this.error ? "! " : "";
    return late + (trade ? validity(this.signal, nowMs) : this.error ? "late" : "");
  }

  /** All that the cell says, in one sentence. */
  sentence() {
    const { signal, error } = this;
    const name = `${this.symbol} ${this.timeframe}`;
    if (signal === null) {
      const why = error ? error.message : this.heard ? "none has been made yet" : "not known yet";
      return `${name}: no signal, ${why}.`;
    }
    const why = this.reasons[signal.reason];
    const because = why ? `, ${why}` : "";
    const later = error ? ` No newer signal, ${error.message}.` : "";
    const told = `${name}: ${word(signal.direction)}, confidence ${percent(signal.confidence, 0)}`;
    if (signal.direction === "NO_TRADE") return `${told}${because}.${later}`;
    const until = `${this.over ? "expired at" : "valid until"} ${time(signal.valid_until_ts, "dateMinute")}`;
    const how = this.told.strong === "true" ? ", strong" : "";
    return `${told}${how}, ${until}${because}.${later}`;
  }

  write(name, text) {
    if (this.told[name] === text) return;
    this.told[name] = text;
    this.parts[name].textContent = text;
  }

  mark(name, value) {
    if (this.told[name] === value) return;
    this.told[name] = value;
    this.button.dataset[name] = value;
  }

  // On the table's cell, whose background it is.
  light(direction) {
    if (this.told.lit === direction) return;
    this.told.lit = direction;
    this.button.parentElement.dataset.lit = direction;
  }

  draws(share) {
    if (this.told.bar === share) return;
    this.told.bar = share;
    this.parts.share.style.setProperty("--share", share);
  }
}

function brief(code) {
  return SHORT[code] ?? code.replaceAll("_", " ");
}
