// The candles around a signal: asked for as fine as its horizon can be read, else its own length.

import { ask } from "../shell/asking.js";
import { decimals, price } from "../shell/formats.js";
import { time } from "../shell/times.js";

const FINER = { "15m": "1m", "1h": "5m", "4h": "15m", "1d": "1h" };
const LENGTHS_MS = { "1m": 60_000, "5m": 300_000, "15m": 900_000, "1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000 };
const BEFORE = 0.4; // of the horizon, drawn before the signal
const LONGEST = 1_000;
const TOKENS = { target: "--up", entry: "--forecast", stop: "--down" };

export const CANDLES = true;
export const STYLE = "dateMinute";
export const CAPTION = "Candles around the signal";
export const COLUMNS = ["Opened", "Open", "High", "Low", "Close"].map((name) => ({ name }));

/** What the chart and its table show; null where no candle of the path is stored. */
export async function read(page) {
  for (const timeframe of [FINER[page.timeframe], page.timeframe]) {
    const bars = await candles(page, timeframe);
    // Some before it are no path, unless there can be none yet.
    const after = bars.filter((each) => each.openMs >= page.path.fromMs);
    if (after.length > 0) return drawing(page, bars, LENGTHS_MS[timeframe]);
    if (page.pending && bars.length > 0) return drawing(page, bars, LENGTHS_MS[timeframe]);
  }
  return null;
}

async function candles(page, timeframe) {
  const { fromMs, toMs } = page.path;
  const startMs = fromMs - (toMs - fromMs) * BEFORE;
  const limit = Math.min(LONGEST, Math.ceil((toMs - startMs) / LENGTHS_MS[timeframe]));
  const to = new Date(toMs).toISOString();
  const asked = { symbol: page.symbol, timeframe, venue: page.venue, to, limit };
  const told = await ask("/api/candles", asked);
  return told.candles
    .map((each) => ({ ...each, openMs: Date.parse(each.candle_open) }))
    .filter((each) => each.openMs >= startMs);
}

function drawing(page, bars, lengthMs) {
  const points = bars.map(({ openMs, open, high, low, close }) => ({ time: openMs / 1_000, open, high, low, close }));
  // The axis goes on to the horizon, where nothing is known yet.
  const last = bars.at(-1).openMs;
  for (let at = Math.max(last + lengthMs, page.path.fromMs); at < page.path.toMs; at += lengthMs) {
    points.push({ time: at / 1_000 });
  }
  return {
    points,
    lines: levels(page, lengthMs),
    marks: marks(page, lengthMs),
    digits: decimals(bars.at(-1).close, page.symbol),
    rows: bars.map((each) => row(each, page.symbol)),
  };
}

function levels({ path }, lengthMs) {
  const first = barOf(path.fromMs, lengthMs);
  const last = barOf(path.toMs - 1, lengthMs);
  return path.levels.map((level) => ({
    from: { time: first, value: level.price },
    to: { time: last, value: level.price },
    token: TOKENS[level.kind],
    dashed: level.kind !== "entry",
    name: level.name,
  }));
}

// A touch is told by the close of the bar that made it.
function marks({ path }, lengthMs) {
  const entry = path.levels.find((level) => level.kind === "entry").price;
  const touched = path.levels
    .filter((level) => level.touchedMs)
    .map((level) => ({
      time: barOf(level.touchedMs - 1, lengthMs),
      text: level.name,
      token: TOKENS[level.kind],
      above: level.price > entry,
    }));
  const timedOut = touched.length === 0 && path.endedMs && path.levels.length > 1;
  if (timedOut) touched.push({ time: barOf(path.endedMs - 1, lengthMs), text: "time out", token: "--flat", above: true });
  return touched;
}

function barOf(ms, lengthMs) {
  return (Math.floor(ms / lengthMs) * lengthMs) / 1_000;
}

function row(each, symbol) {
  const prices = [each.open, each.high, each.low, each.close].map((value) => price(value, symbol));
  return [time(each.openMs, "dateMinute"), ...prices];
}
