// What a heartbeat's details come to, in a line for each process. What is not there is left out.

import { fixed, percent } from "../shell/formats.js";

const WORDS = {
  market: ({ venue, speed, late_ms_max: late, recording, symbols }) => [
    venue,
    speed != null && speed !== 1 && (speed === 0 ? "in lock-step" : `${speed} × as fast`),
    symbols && count(Object.keys(symbols).length, "symbol"),
    late != null && `at most ${fixed(late, 0)} ms late`,
    recording?.status && `recording ${recording.status}`,
  ],
  inference: ({ components }) => {
    const { model, prediction_pipeline: tick, feature_quality: features } = components ?? {};
    return [
      model?.version && `${model.version} ${model.status}`,
      tick?.status,
      tick?.frequency_actual != null && `every ${fixed(tick.frequency_actual, 2)} s`,
      tick?.avg_total_latency_ms != null && `${fixed(tick.avg_total_latency_ms, 1)} ms a tick`,
      tick?.success_rate != null && `${percent(tick.success_rate)} by the model`,
      tick?.missed_ticks > 0 && count(tick.missed_ticks, "missed tick"),
      features?.stale_feature_rate > 0 && `${percent(features.stale_feature_rate)} stale`,
    ];
  },
  signals: ({ leading, batches, signals, errors, missed, models }) => [
    leading === false && "standby",
    batches != null && count(batches, "batch", "batches"),
    signals != null && count(signals, "signal"),
    errors > 0 && `${number(errors)} without a signal`,
    missed > 0 && count(missed, "missed candle"),
    models?.length && count(models.length, "network"),
  ],
  shadow: ({ versions, error }) => [
    versions?.length && `${count(versions.length, "model")} on trial`,
    ...(versions ?? []).map(({ version, state, code, latency_ms: latency, overdue_share: overdue, behind }) => {
      if (code) return `${version}: ${code}`;
      const behindWords = behind > 1 ? `, ${number(behind)} behind` : "";
      const missed = overdue > 0 ? `, ${percent(overdue)} missed` : "";
      return `${version}: ${state}${latency != null ? `, ${fixed(latency, 1)} ms` : ""}${behindWords}${missed}`;
    }),
    error,
  ],
  recorder: ({ entries, behind_entries: behind, behind_seconds: seconds, refused, dead_letters: dead, retries, error }) => [
    entries != null && `${number(entries)} ticks stored since its start`,
    behind != null && (behind ? `${number(behind)} behind${seconds ? `, ${fixed(seconds, 1)} s` : ""}` : "nothing behind"),
    refused > 0 && `${number(refused)} refused`,
    dead > 0 && `${number(dead)} set aside`,
    retries > 0 && count(retries, "retry", "retries"),
    error,
  ],
  alerts: ({ incidents, tries, dead }) => [
    incidents != null && count(incidents, "open incident"),
    tries?.length && `${number(sum(tries, "delivered"))} messages delivered`,
    tries?.length && sum(tries, "failed") > 0 && `${number(sum(tries, "failed"))} tries failed`,
    dead > 0 && `${number(dead)} dead`,
  ],
  mqtt: ({ error }) => [error],
  retrain: ({ schedule, why, next_due_ms: due, doing, runs, failed, error }) => [
    doing && `manage.py ${doing}`,
    why || schedule,
    due != null && `next due ${new Date(due).toISOString().slice(0, 16).replace("T", " ")} UTC`,
    runs?.length && count(runs.length, "run under way", "runs under way"),
    failed?.length && count(failed.length, "failed run"),
    error,
  ],
  web: ({ sockets, ticks, gaps, redis_lost: lost }) => [
    sockets != null && count(sockets, "open page or bot", "open pages and bots"),
    ticks != null && `${number(ticks)} ticks sent on`,
    gaps > 0 && count(gaps, "gap"),
    lost > 0 && `lost Redis ${number(lost)} ×`,
  ],
};

export function said(name, detail) {
  return (WORDS[name]?.(detail) ?? []).filter((each) => typeof each === "string" && each).join(" · ");
}

function sum(tries, outcome) {
  return tries.filter((each) => each.outcome === outcome).reduce((total, each) => total + each.count, 0);
}

function count(n, one, many = `${one}s`) {
  return `${number(n)} ${n === 1 ? one : many}`;
}

function number(n) {
  return typeof n === "number" ? n.toLocaleString("en-US") : String(n);
}
