// What /api/system says of hops, Redis, ledger and instance, as terms and words.

import { pageData } from "../shell/page_data.js";
import { UNKNOWN, count, fixed, percent, span } from "../shell/formats.js";
import { timeElement } from "../shell/times.js";
import { made } from "../shell/elements.js";
import { bar } from "./bar.js";

/** browserMs: since the last frame arrived here; null before the first. */
export function hopFacts({ processes, redis, database }, browserMs) {
  const { feature_quality: features, redis_connection: read, model, prediction_pipeline: tick } =
    processes.inference?.detail?.components ?? {};
  return [
    ["Features at the tick, age", ms(features?.avg_data_age_ms)],
    ["Reading them", ms(read?.avg_read_latency_ms)],
    ["The network", ms(model?.avg_inference_ms)],
    ["A tick in all", ms(tick?.avg_total_latency_ms)],
    ["Redis, from the web process", ms(redis.latency_ms)],
    ["Database, from the web process", ms(database.latency_ms)],
    ["The last frame came here", browserMs === null ? UNKNOWN : `${span(browserMs)} ago`],
  ];
}

export function redisFacts(redis) {
  return [
    ["Version", `${redis.version ?? UNKNOWN}${redis.nodes > 1 ? `, ${redis.nodes} nodes` : ""}`],
    ["Up for", redis.uptime_seconds == null ? UNKNOWN : span(redis.uptime_seconds * 1_000)],
    ["Memory", memory(redis), redis.memory_ratio > pageData.mostMemory ? "bad" : ""],
    ["Eviction", redis.policy || UNKNOWN, redis.policy_ok ? "" : "bad"],
    ["Written to disk", redis.append_only ? "each second (AOF)" : "no"],
    ["Clients", count(redis.clients)],
  ];
}

export function ledgerFacts({ ledger, recorder, downloads }) {
  const { checkpoint, anchored, verified } = ledger;
  const refused = Object.values(recorder.refused).filter((each) => each !== null);
  return [
    ["Database", `${ledger.vendor === "postgresql" ? "PostgreSQL" : "SQLite"}, ${bytes(ledger.bytes)}`],
    ["Ledger entries", count(ledger.entries)],
    ["Last commit", ago(ledger.last_commit_at)],
    ["Last checkpoint signed", checkpoint ? ago(checkpoint.signed_at) : "none yet"],
    ["Entries since it", count(checkpoint?.entries_since)],
    ["Last anchored elsewhere", anchored ? ago(anchored.at, ` (${anchored.to}, ${count(anchored.size)} entries)`) : "never from here"],
    ["Last checked here", verified ? ago(verified.at, verified.faults ? ` (${count(verified.faults)} differ)` : "") : "never", verified?.faults ? "bad" : ""],
    ["Refused by the recorder", refused.length ? count(refused.reduce((a, b) => a + b, 0)) : UNKNOWN],
    ["Forecasts kept", recorder.retention_days ? `${recorder.retention_days} days` : "for good"],
    ["Last pruned", ledger.last_pruned_at ? ago(ledger.last_pruned_at) : "never"],
    ["Large downloads", `${downloads.running} of at most ${downloads.at_most}`],
  ];
}

export function aboutFacts({ about, market, health, host }) {
  return [
    ["Health", health, health === "healthy" ? "" : "bad"],
    ["Version", `${about.version}, Python ${about.python}`],
    ["Disk left", left(host.disk_free_bytes, host.disk_total_bytes)],
    ["Memory left", left(host.memory_available_bytes, host.memory_total_bytes)],
    ["Web process since", timeElement(about.web_started_ms, "dateMinute")],
    ["Market", market ? `${market.venue}${market.live ? ", live" : ""}` : UNKNOWN],
    ["Its speed", market ? (market.speed === 0 ? "lock-step" : `${market.speed} ×`) : UNKNOWN],
    ["Its time", market?.market_ms == null ? UNKNOWN : timeElement(Math.floor(market.market_ms / 1_000) * 1_000, "dateClock")],
  ];
}

export function settingsFacts(settings) {
  return Object.entries(settings).map(([name, value]) => {
    if (!Array.isArray(value)) return [name, String(value)];
    const shown = value.length > 4 ? `${value.length} symbols` : value.join(", ");
    const element = made("span", "", shown);
    element.title = value.join(", ");
    return [name, element];
  });
}

function left(free, total) {
  return free == null ? UNKNOWN : `${bytes(free)} of ${bytes(total)}`;
}

function memory({ used_bytes: used, maxmemory_bytes: most, memory_ratio: ratio }) {
  if (used == null) return UNKNOWN;
  if (!most) return `${bytes(used)}, without a limit`;
  const line = made("span", "with-meter");
  const words = `${bytes(used)} of ${bytes(most)} (${percent(ratio)})`;
  line.append(words, bar(ratio ?? 0, words, pageData.mostMemory));
  return line;
}

function ms(value) {
  return value == null ? UNKNOWN : `${fixed(value, value < 10 ? 1 : 0)} ms`;
}

function bytes(n) {
  if (n == null) return UNKNOWN;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = n;
  let unit = 0;
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${value < 10 && unit ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

function ago(moment, more = "") {
  if (moment === null) return "none yet";
  const at = Date.parse(moment);
  const element = timeElement(at, Date.now() - at < 86_400_000 ? "clock" : "dateMinute");
  const line = made("span");
  line.append(element, more);
  return line;
}
