// Numbers and lengths of time as the page writes them; unknown is an en dash, never a zero.

import { shellData } from "./page_data.js";

export const UNKNOWN = "–";

/** Decimals of the symbol's tick size; where it is not known, what suits the price's size. */
export function decimals(price, symbol) {
  const known = shellData.priceDecimals?.[symbol];
  if (known != null) return known;
  // About six significant digits, at least cents.
  if (!price) return 2;
  return Math.min(8, Math.max(2, 5 - Math.floor(Math.log10(Math.abs(price)))));
}

export function price(value, symbol) {
  return value == null ? UNKNOWN : fixed(value, decimals(value, symbol));
}

export function fixed(value, digits) {
  if (value == null) return UNKNOWN;
  const text = value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return text.replace("-", "−");
}

/** A number of things. */
export function count(n) {
  return n == null ? UNKNOWN : Math.round(n).toLocaleString("en-US");
}

export function signed(value) {
  if (value == null) return UNKNOWN;
  const sign = value > 0 ? "+" : value < 0 ? "−" : "±";
  return `${sign}${Math.abs(value).toFixed(2)}`;
}

export function signedBp(value) {
  return value == null ? UNKNOWN : `${signed(value)} bp`;
}

export function percent(share, digits = 1) {
  return share == null ? UNKNOWN : `${(share * 100).toFixed(digits)} %`;
}

export function signedPercent(share) {
  return share == null ? UNKNOWN : `${signed(share * 100)} %`;
}

export function duration(ms) {
  if (ms == null) return UNKNOWN;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min`;
}

// What is left of a time: 1:05 under an hour, 2h 05m above.
export function countdown(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  const pad = (number) => String(number).padStart(2, "0");
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}:${pad(seconds % 60)}`;
  return `${Math.floor(seconds / 3_600)}h ${pad(Math.floor((seconds % 3_600) / 60))}m`;
}

// A length of time in its two largest units.
export function span(ms) {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return `${Math.max(0, Math.round(ms / 1_000))} s`;
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 1_440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1_440)} d ${Math.floor((minutes % 1_440) / 60)} h`;
}
