// The mids around a forecast, from the ticks that the ledger holds.

import { ask } from "../shell/asking.js";
import { decimals, price } from "../shell/formats.js";
import { time } from "../shell/times.js";

const AHEAD_MS = 10_000;

export const CANDLES = false;
export const STYLE = "clock";
export const CAPTION = "Mid prices around the forecast";
export const COLUMNS = ["Tick", "Mid"].map((name) => ({ name }));

/** What the chart and its table show; null where the ledger holds no mid of that time. */
export async function read(page) {
  const told = await ask(page.pathUrl);
  const mids = new Map();
  for (const each of told.results) {
    add(mids, Date.parse(each.predicted_at), each.mid_price);
    add(mids, Date.parse(each.target_at), each.outcome?.target_mid);
  }
  if (mids.size === 0) return null;
  const times = [...mids.keys()].sort((one, other) => one - other);
  const points = times.map((ms) => ({ time: ms / 1_000, value: mids.get(ms) }));
  const { path } = page;
  // The axis goes on past the target, where nothing is known yet, in steps as long as before.
  const step = times.length > 1 ? times.at(-1) - times.at(-2) : path.toMs - path.fromMs;
  for (let at = times.at(-1) + step; at <= path.toMs + AHEAD_MS; at += step) {
    points.push({ time: at / 1_000 });
  }
  return {
    points,
    lines: lines(path),
    marks: marks(path),
    digits: decimals(mids.get(times.at(-1)), page.symbol),
    rows: times.map((ms) => [time(ms, "dateClock"), price(mids.get(ms), page.symbol)]),
  };
}

function add(mids, ms, mid) {
  if (mid != null && !mids.has(ms)) mids.set(ms, mid);
}

function lines({ fromMs, toMs, mid, predicted, lower, upper }) {
  const line = (value, token, dashed, name) => ({
    from: { time: fromMs / 1_000, value: mid },
    to: { time: toMs / 1_000, value },
    token,
    dashed,
    name,
  });
  const found = [];
  if (mid === null) return found;
  if (predicted !== null) found.push(line(predicted, "--forecast", false, "forecast"));
  if (upper !== null) found.push(line(upper, "--forecast", true, "95 %"));
  if (lower !== null) found.push(line(lower, "--forecast", true, "5 %"));
  return found;
}

function marks({ fromMs, toMs, mid, targetMid }) {
  const found = [];
  if (mid !== null) found.push({ time: fromMs / 1_000, text: "said", token: "--muted", above: true });
  if (targetMid !== null) found.push({ time: toMs / 1_000, text: "came", token: "--text", above: targetMid >= (mid ?? 0) });
  return found;
}
