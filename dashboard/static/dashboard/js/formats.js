// Numbers and times as the page writes them; unknown is an en dash, never a zero.

export const UNKNOWN = "–";

// Decimals that suit a price's size: about six significant digits, at least cents.
export function decimals(price) {
  if (!price) return 2;
  return Math.min(8, Math.max(2, 5 - Math.floor(Math.log10(Math.abs(price)))));
}

export function price(value) {
  return value == null ? UNKNOWN : fixed(value, decimals(value));
}

export function fixed(value, digits) {
  if (value == null) return UNKNOWN;
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

export function signed(value) {
  if (value == null) return UNKNOWN;
  const sign = value > 0 ? "+" : value < 0 ? "−" : "±";
  return `${sign}${Math.abs(value).toFixed(2)}`;
}

export function signedBp(value) {
  return value == null ? UNKNOWN : `${signed(value)} bp`;
}

export function percent(share) {
  return share == null ? UNKNOWN : `${(share * 100).toFixed(1)} %`;
}

export function duration(ms) {
  if (ms == null) return UNKNOWN;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min`;
}

export function time(ms) {
  return ms == null ? "--:--:--" : new Date(ms).toISOString().slice(11, 19);
}
