// Writes what the state says into the live page's text.

import * as formats from "../shell/formats.js";
import { mark } from "./market_state.js";
import { staleness } from "../shell/page_head.js";
import { PageText } from "../shell/page_text.js";
import { time, timeElement } from "../shell/times.js";

const LEAST_CASES = 30;
const RECENT_ROWS = 8;
const MISSED_TICKS = 3;
const MARKS = {
  hit: ["●", "hit"],
  miss: ["✕", "miss"],
  flat: ["–", "flat"],
  open: ["○", "open"],
  none: ["–", "not graded"],
};
const WELL = new Set(["healthy", "active", "connected"]);
const PROCESS_NAMES = {
  market: "Market feed",
  inference: "Forecast loop",
  signals: "Signal loop",
  recorder: "Recorder",
  web: "Web",
};

export class Panel extends PageText {
  constructor(page) {
    super();
    this.page = page;
    this.write("horizon", `${page.horizonMs / 1000} s`);
  }

  render(state) {
    this.renderPrice(state);
    this.renderForecast(state);
    this.renderRecord(state);
    this.renderRecent(state);
    this.renderProcesses(state);
  }

  problem(state) {
    const stale = staleness(state.dataAge(), state.clock.patience(this.page.maxFeatureAgeMs));
    if (stale) return stale;
    if (!state.latest) return "No forecast yet.";
    const silent = state.forecastAge();
    if (silent !== null && silent > state.clock.patience(this.page.tickMs * MISSED_TICKS)) {
      return `No new forecast for ${Math.floor(silent / 1000)} s: the forecast loop has stopped.`;
    }
    return null;
  }

  renderPrice(state) {
    const quote = state.quote;
    this.write("current-price", formats.price(quote?.mid ?? state.latest?.current_price, state.symbol));
    if (quote?.bid != null && quote?.ask != null) {
      this.write("spread", `bid ${formats.price(quote.bid, state.symbol)}  ask ${formats.price(quote.ask, state.symbol)}`);
    }
  }

  renderForecast(state) {
    const latest = state.latest;
    this.element("forecast").dataset.seq = latest?.seq ?? "";
    this.write("predicted-price", formats.price(latest?.predicted_price, this.page.symbol));
    this.renderMove(latest);
    const bounded = latest?.lower != null && latest?.upper != null;
    this.write(
      "interval",
      bounded ? `${formats.price(latest.lower, this.page.symbol)} to ${formats.price(latest.upper, this.page.symbol)}` : formats.UNKNOWN,
    );
    this.write("p-up", formats.percent(latest?.p_up));
    this.write("confidence", formats.fixed(latest?.confidence, 2));
    this.write("latency", latest?.latency_ms == null ? formats.UNKNOWN : `${latest.latency_ms.toFixed(2)} ms`);
    this.write("model-version", latest?.model_version || formats.UNKNOWN);
    this.renderSource(latest);
    this.renderAges(state);
  }

  renderMove(latest) {
    const { predicted_price: predicted, mid_price: mid } = latest ?? {};
    if (predicted == null || mid == null) {
      this.write("move", "", "");
      return;
    }
    const bp = (predicted / mid - 1) * 10_000;
    const way = Math.abs(bp) < 0.005 ? "flat" : bp > 0 ? "up" : "down";
    const arrow = { flat: "▬", up: "▲", down: "▼" }[way];
    const element = this.element("move");
    element.dataset.way = way;
    this.write("move", `${arrow} ${formats.signedBp(bp)}`);
  }

  renderSource(latest) {
    if (!latest) {
      this.write("source", formats.UNKNOWN);
      return;
    }
    const source = this.page.sources[latest.source] ?? latest.source;
    const reason = this.page.reasons[latest.reason] ?? latest.reason;
    const text = reason ? `${source}: ${reason}` : source;
    this.write("source", text, latest.source === "redis" ? "" : "bad");
    this.element("source").title = [latest.source, latest.reason].filter(Boolean).join(", ");
  }

  renderAges(state) {
    const age = state.dataAge();
    const old = age !== null && age > state.clock.patience(this.page.maxFeatureAgeMs);
    this.write("data-age", formats.duration(age), old ? "bad" : "");
    const now = state.clock.now();
    this.write("due", dueText(state.latest, now));
  }

  renderRecord(state) {
    const record = state.record(LEAST_CASES);
    const fallbacks = record.fallbacks ? `, ${record.fallbacks} by fallback` : "";
    this.write("record-n", `${record.graded} graded${fallbacks}`);
    this.write("hits", counted(record.hits, formats.percent));
    this.write("covered", counted(record.covered, formats.percent));
    const bp = (value) => `${value.toFixed(2)} bp`;
    this.write("mae", counted(record.mae, bp));
    this.write("mae-no-change", counted(record.noChange, bp));
  }

  renderRecent(state) {
    const rows = state.sortedForecasts().slice(-RECENT_ROWS).reverse();
    const key = rows.map((f) => `${f.target_ts}${mark(f)}${f.predicted_price}`).join();
    if (key === this.recentKey) return;
    this.recentKey = key;
    this.element("recent").replaceChildren(...rows.map((row) => this.recentRow(row)));
  }

  recentRow(forecast) {
    const kind = mark(forecast);
    const outcome = forecast.outcome;
    const row = document.createElement("tr");
    row.dataset.seq = forecast.seq ?? outcome?.tick ?? "";
    row.append(
      cell(timeElement(forecast.target_ts)),
      cell(formats.price(forecast.predicted_price, this.page.symbol)),
      cell(formats.price(outcome?.target_mid, this.page.symbol)),
      cell(formats.signed(outcome?.error_bp)),
      markCell(MARKS[kind], kind),
      intervalCell(outcome),
    );
    if (kind === "none") row.title = this.page.ungradable[outcome.reason] ?? outcome.reason;
    return row;
  }

  renderProcesses(state) {
    const health = state.health;
    if (!health) return;
    const entries = Object.entries(PROCESS_NAMES).map(([name, label]) => {
      const beat = health.processes[name];
      return [label, beat?.status ?? null];
    });
    entries.push(["Redis", health.redis.status]);
    const key = JSON.stringify(entries);
    if (key === this.processesKey) return;
    this.processesKey = key;
    const away = health.redis.status === "away";
    this.element("processes").replaceChildren(...entries.map((each) => processItem(each, away)));
  }
}

function counted({ value, n }, format) {
  return `${value === null ? formats.UNKNOWN : format(value)} (n = ${n})`;
}

function dueText(latest, now) {
  if (!latest) return "";
  const left = now === null ? null : latest.target_ts - now;
  const due = `due ${time(latest.target_ts)}`;
  if (left === null) return due;
  return left > 0 ? `${due}, in ${Math.ceil(left / 1000)} s` : `${due}, past`;
}

function intervalCell(outcome) {
  if (outcome?.covered == null) return cell(formats.UNKNOWN, "flat");
  return outcome.covered ? markCell(["●", "in"], "hit") : markCell(["✕", "out"], "miss");
}

// Sign and word; a narrow screen shows the sign and leaves the word to screen readers.
function markCell([sign, word], className) {
  const element = cell(`${sign} `, className);
  const spoken = document.createElement("span");
  spoken.className = "word";
  spoken.textContent = word;
  element.append(spoken);
  return element;
}

function cell(text, className) {
  const element = document.createElement("td");
  element.append(text);
  if (className) element.className = className;
  return element;
}

function processItem([label, status], redisAway) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  const value = document.createElement("span");
  name.textContent = label;
  const well = WELL.has(status);
  const absent = redisAway ? "unknown" : "not running";
  value.textContent = status === null ? `✕ ${absent}` : `${well ? "●" : "▲"} ${status}`;
  value.className = status === null || status === "away" ? "miss" : well ? "hit" : "miss";
  item.append(name, value);
  return item;
}
