// The chosen signal in full: levels, time to target, model, candle.

import * as formats from "../shell/formats.js";
import { SIGNS, expired, validity, word } from "../shell/signal_words.js";
import { time } from "../shell/times.js";

const NOT_MEASURED = "not measured yet";
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
  }

  // chosen: {symbol, timeframe}, or null.
  render(state, chosen) {
    for (const id of ["detail-body", "detail-close"]) this.text.element(id).hidden = !chosen;
    this.text.element("detail-hint").hidden = chosen !== null;
    this.text.element("detail").dataset.open = String(chosen !== null);
    this.renderLink(chosen);
    this.write("title", chosen ? `${chosen.symbol} · ${chosen.timeframe}` : "No signal chosen");
    if (!chosen) return;
    const { signal, error } = state.of(chosen.symbol, chosen.timeframe);
    this.renderError(signal, error);
    this.renderHead(signal, state.clock.now());
    this.text.element("detail-facts").hidden = signal === null;
    if (signal) this.renderFacts(signal);
  }

  renderLink(chosen) {
    const link = this.text.element("detail-live");
    link.hidden = !this.page.forecastSymbols.includes(chosen?.symbol);
    if (!link.hidden) link.search = new URLSearchParams({ symbol: chosen.symbol });
  }

  renderError(signal, error) {
    const element = this.text.element("detail-error");
    element.hidden = error === null;
    if (error === null) return;
    const older = signal ? "No newer signal: " : "";
    this.write("error", `${older}${error.message} (${error.code})`);
  }

  renderHead(signal, nowMs) {
    const direction = signal ? `${SIGNS[signal.direction]} ${word(signal.direction)}` : "No signal";
    this.write("direction", direction, signal?.direction ?? "");
    this.write("confidence", signal ? formats.percent(signal.confidence) : "");
    this.write("state", signal ? this.state(signal, nowMs) : "");
  }

  state(signal, nowMs) {
    const reason = this.page.reasons[signal.reason];
    const why = reason ? `${upper(reason)}. ` : "";
    if (nowMs === null) return `${why}Valid ${validity(signal, nowMs)}.`;
    if (expired(signal, nowMs)) return `${why}Expired ${formats.span(nowMs - signal.valid_until_ts)} ago.`;
    return `${why}Valid for ${validity(signal, nowMs)}.`;
  }

  renderFacts(signal) {
    this.renderLevels(signal);
    this.write("eta", eta(signal));
    this.write("probabilities", probabilities(signal.probabilities));
    this.write("accuracy", accuracy(signal.model_accuracy, "out-of-sample"));
    this.write("live-accuracy", accuracy(signal.live_accuracy, "graded"));
    const role = ROLES[signal.model_role] ?? signal.model_role;
    this.write("model", `${signal.model_version}, ${role}`, signal.model_role);
    this.write("candle", candle(signal));
    this.renderMade(signal);
    this.write("until", time(signal.valid_until_ts, "dateMinute"));
    this.write("venue", signal.live ? signal.venue : `${signal.venue}, not live`);
  }

  // Only worth saying where it was not at the close.
  renderMade({ made_ts: madeMs, candle_close_ms: closeMs }) {
    const lateMs = (madeMs ?? closeMs) - closeMs;
    this.text.element("detail-made").parentElement.hidden = lateMs <= LATE_MS;
    this.write("made", `made ${formats.span(lateMs)} after the close`);
  }

  renderLevels(signal) {
    const key = JSON.stringify([signal.symbol, signal.entry, signal.stop_loss, signal.take_profits]);
    if (key === this.levelsKey) return;
    this.levelsKey = key;
    const rows = [...signal.take_profits]
      .reverse()
      .map((each) => row(signal.symbol, `Target ${each.level}`, each.price, signal.entry, "hit"));
    rows.push(row(signal.symbol, "Entry", signal.entry, null));
    rows.push(row(signal.symbol, "Stop", signal.stop_loss, signal.entry, "miss"));
    this.text.element("detail-levels").replaceChildren(...rows);
  }

  write(name, text, state) {
    this.text.write(`detail-${name}`, text, state);
  }
}

function eta({ tp_eta_minutes: median, tp_eta_interval_minutes: interval }) {
  if (median === null) return formats.UNKNOWN;
  const about = `about ${formats.span(median * 60_000)}`;
  if (interval === null) return about;
  const [low, high] = interval.map((minutes) => formats.span(minutes * 60_000));
  return `${about} (80 %: ${low} to ${high})`;
}

function probabilities(shares) {
  return ["LONG", "SHORT", "NO_TRADE"].map((each) => formats.percent(shares[each], 0)).join(" · ");
}

function accuracy(share, kind) {
  return share === null ? NOT_MEASURED : `${formats.percent(share)} ${kind}`;
}

function candle(signal) {
  const [open, close] = [signal.candle_open_ms, signal.candle_close_ms].map((ms) => time(ms, "dateMinute"));
  const sameDay = open.slice(0, 10) === close.slice(0, 10);
  const span = `${open} to ${sameDay ? close.slice(11) : close}`;
  return signal.provisional ? `${span}, provisional` : span;
}

function row(symbol, label, price, entry, className) {
  const element = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = label;
  const value = document.createElement("td");
  value.textContent = formats.price(price, symbol);
  const distance = document.createElement("td");
  const known = price !== null && entry !== null;
  distance.textContent = known ? formats.signedPercent(price / entry - 1) : "";
  if (known) distance.className = className;
  element.append(name, value, distance);
  return element;
}

function upper(sentence) {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
