// A signal as text and as JSON, for copying.

import { percent, span } from "../shell/formats.js";
import { expired, word } from "../shell/signal_words.js";
import { utc } from "../shell/times.js";
import { plainPrice } from "./levels.js";

/** Lines that say what was said, and on which market. Times in UTC: the reader may be anywhere. */
export function asText(signal, reasons, nowMs) {
  const { symbol, timeframe } = signal;
  const price = (value) => plainPrice(value, symbol);
  const market = signal.live ? signal.venue : `${signal.venue}, not live`;
  const over = signal.direction !== "NO_TRADE" && expired(signal, nowMs);
  const lines = [`${over ? "EXPIRED: " : ""}${symbol} ${timeframe} ${word(signal.direction)}, confidence ${percent(signal.confidence, 0)} (${market})`];
  if (reasons[signal.reason]) lines.push(`Why: ${reasons[signal.reason]}`);
  lines.push(`Entry ${price(signal.entry)}`);
  if (signal.stop_loss !== null) lines.push(`Stop ${price(signal.stop_loss)}`);
  for (const target of signal.take_profits) lines.push(`Target ${target.level} ${price(target.price)}`);
  if (signal.tp_eta_minutes !== null) lines.push(`ETA of target 1: ${etaText(signal)}`);
  if (signal.direction !== "NO_TRADE") lines.push(`${over ? "Was valid" : "Valid"} until ${utc(signal.valid_until_ts)}`);
  lines.push(`Candle closed ${utc(signal.candle_close_ms)}, model ${signal.model_version} (${signal.model_role})`);
  return lines.join("\n");
}

export function asJson(signal) {
  return JSON.stringify(signal, null, 2);
}

/** Time to the first target with its interval; an en dash where none is told. */
export function etaText({ tp_eta_minutes: median, tp_eta_interval_minutes: interval }) {
  if (median === null) return "–";
  const about = `about ${span(median * 60_000)}`;
  if (interval === null) return about;
  const [low, high] = interval.map((minutes) => span(minutes * 60_000));
  return `${about} (80 %: ${low} to ${high})`;
}
