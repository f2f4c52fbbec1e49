// The chosen signal in full: levels, time to target, model, record, candle.

import * as formats from "../shell/formats.js";
import { capital } from "../shell/sentences.js";
import { writeTime, time } from "../shell/times.js";
import { SIGNS, expired, validity, word } from "../shell/signal_words.js";
import { Levels } from "./levels.js";
import { SignalRecord, accuracyAddress } from "./record.js";
import { asJson, asText, etaText } from "./telling.js";

const LATE_MS = 60_000;
const ROLES = {
  champion: "trained network",
  baseline: "a baseline speaks: no trained network beat it",
  shadow: "on trial",
};

export class SignalDetail {
  constructor(text, page) {
    this.text = text;
    this.page = page;
    this.levels = new Levels(text.element("detail-levels"));
    const [element, figure, link] = ["detail-record", "detail-live-accuracy", "link-row"].map((id) => text.element(id));
    this.record = new SignalRecord(element, figure, link, page);
  }

  // chosen: {symbol, timeframe}, or null. out: why nothing new can come, or null.
  render(state, chosen, out) {
    for (const id of ["detail-body", "detail-close"]) this.text.element(id).hidden = !chosen;
    this.text.element("detail-hint").hidden = chosen !== null;
    this.text.element("detail").dataset.open = String(chosen !== null);
    this.write("title", chosen ? `${chosen.symbol} · ${chosen.timeframe}` : "No signal chosen");
    const { signal, error } = chosen ? state.of(chosen.symbol, chosen.timeframe) : { signal: null, error: null };
    this.record.show(signal);
    if (!chosen) return;
    this.renderLinks(chosen);
    this.renderWarnings(signal, error, out);
    this.renderHead(state, signal, error);
    this.text.element("detail-facts").hidden = signal === null;
    if (signal === null) return;
    const { value, quoted } = state.market(chosen.symbol);
    this.levels.render(signal, quoted ? value : null);
    if (signal !== this.shown) this.renderFacts(signal);
    this.renderCopy(signal, state.clock.now());
    this.shown = signal;
  }

  /** Write anew what a change of the time zone changes. */
  forget() {
    this.shown = undefined;
  }

  renderLinks(chosen) {
    const key = `${chosen.symbol}/${chosen.timeframe}`;
    if (key === this.linked) return;
    this.linked = key;
    const live = this.text.element("link-live");
    live.hidden = !this.page.forecastSymbols.includes(chosen.symbol);
    live.search = new URLSearchParams({ symbol: chosen.symbol });
    const symbol = this.text.element("link-symbol");
    symbol.href = document.querySelector(`tr[data-symbol="${CSS.escape(chosen.symbol)}"] a`).href;
    symbol.textContent = chosen.symbol;
    this.text.element("link-accuracy").href = accuracyAddress(this.page.urls, chosen);
  }

  renderWarnings(signal, error, out) {
    this.text.element("detail-error").hidden = error === null || signal === null;
    if (error && signal) this.write("error", `No newer signal: ${error.message} (${error.code})`);
    this.text.element("detail-stale").hidden = out === null;
    this.write("stale", out ?? "");
  }

  renderHead(state, signal, error) {
    const direction = signal ? `${SIGNS[signal.direction]} ${word(signal.direction)}` : "✕ No signal";
    this.write("direction", direction, signal?.direction ?? "none");
    this.write("confidence", signal ? formats.percent(signal.confidence) : "");
    this.write("state", signal ? this.state(signal, state.clock.now()) : silence(state, error));
  }

  state(signal, nowMs) {
    const reason = this.page.reasons[signal.reason];
    const why = reason ? `${capital(reason)}. ` : "";
    if (signal.direction === "NO_TRADE") return why.trim();
    if (nowMs === null) return `${why}Valid ${validity(signal, nowMs)}.`;
    if (expired(signal, nowMs)) return `${why}Expired ${formats.span(nowMs - signal.valid_until_ts)} ago.`;
    return `${why}Valid for ${validity(signal, nowMs)}.`;
  }

  renderFacts(signal) {
    this.write("eta", etaText(signal));
    for (const id of ["detail-eta", "detail-until"]) {
      const row = this.text.element(id).closest("div");
      row.hidden = signal.direction === "NO_TRADE";
    }
    this.renderShares(signal.probabilities);
    const accuracy = signal.model_accuracy;
    this.write("accuracy", accuracy === null ? "not measured" : `${formats.percent(accuracy)} out-of-sample`);
    const role = ROLES[signal.model_role] ?? signal.model_role;
    this.write("model", `${signal.model_version}, ${role}`, signal.model_role);
    this.write("candle", candle(signal));
    this.renderMade(signal);
    writeTime(this.text.element("detail-until"), signal.valid_until_ts, "dateMinute");
    this.write("venue", signal.live ? signal.venue : `${signal.venue}, not live`);
    this.text.element("copy-json").dataset.copy = asJson(signal);
  }

  renderCopy(signal, nowMs) {
    const told = asText(signal, this.page.reasons, nowMs);
    const { dataset } = this.text.element("copy-text");
    if (dataset.copy !== told) dataset.copy = told;
  }

  renderShares(shares) {
    const told = { long: shares.LONG, none: shares.NO_TRADE, short: shares.SHORT };
    for (const [name, share] of Object.entries(told)) {
      this.text.element(`share-${name}`).style.flexGrow = String(share);
    }
    const [long, none, short] = Object.values(told).map((share) => formats.percent(share, 0));
    this.write("probabilities", `▲ long ${long} · – no trade ${none} · ▼ short ${short}`);
  }

  // Only worth saying where it was not at the close.
  renderMade({ made_ts: madeMs, candle_close_ms: closeMs }) {
    const lateMs = (madeMs ?? closeMs) - closeMs;
    this.text.element("detail-made").parentElement.hidden = lateMs <= LATE_MS;
    this.write("made", `made ${formats.span(lateMs)} after the close`);
  }

  write(name, text, state) {
    this.text.write(`detail-${name}`, text, state);
  }
}

function silence(state, error) {
  if (error) return `${capital(error.message)} (${error.code}).`;
  return state.heard ? "None has been made yet: the first comes when this candle closes." : "Loading…";
}

function candle(signal) {
  const [open, close] = [signal.candle_open_ms, signal.candle_close_ms].map((ms) => time(ms, "dateMinute"));
  const sameDay = open.slice(0, 10) === close.slice(0, 10);
  const span = `${open} to ${sameDay ? close.slice(11) : close}`;
  return signal.provisional ? `${span}, provisional` : span;
}
