// Candles in the library's words: its axis, its bars, its options.

import { time } from "../shell/times.js";

export const AHEAD = 14;
const LONGEST_GAP = 2_000;
const DAY = 2; // tick marks from a day on, as the library counts them

/** Of the chart; stepMs() is a candle's length, priced(value) a price as text. */
export function options(stepMs, priced) {
  const mark = (seconds, kind) => {
    const style = kind >= 3 ? "minute" : "date";
    const text = time(seconds * 1_000, style);
    return kind === DAY ? text.slice(5) : kind < DAY ? text.slice(0, 7) : text;
  };
  const at = (seconds) => time(seconds * 1_000, stepMs() >= 86_400_000 ? "date" : "dateMinute");
  return {
    autoSize: true,
    // A finger that moves up or down moves the page.
    handleScroll: { vertTouchDrag: false },
    layout: { attributionLogo: false, fontSize: 11 },
    timeScale: { timeVisible: true, secondsVisible: false, minBarSpacing: 1, tickMarkFormatter: mark },
    localization: { timeFormatter: at, priceFormatter: priced },
    rightPriceScale: { scaleMargins: { top: 0.08, bottom: 0.2 } },
  };
}

/** The opens of all steps from the first candle to AHEAD after the newest. A hole that is longer
 * than anybody would scroll through is no wider than one. */
export function places(candles, stepMs) {
  const opens = [];
  for (const { openMs } of candles) {
    const last = opens.at(-1);
    const missing = last === undefined ? 0 : (openMs - last) / stepMs - 1;
    for (let n = 1; missing <= LONGEST_GAP && n <= missing; n += 1) opens.push(last + n * stepMs);
    opens.push(openMs);
  }
  const end = opens.at(-1);
  for (let n = 1; end !== undefined && n <= AHEAD; n += 1) opens.push(end + n * stepMs);
  return opens;
}

/** A candle as the library takes it; grey where the exchange has not confirmed it. */
export function bar({ openMs, open, high, low, close, provisional, stored }, colours) {
  const point = { time: openMs / 1_000, open, high, low, close };
  if (!provisional || !stored) return point;
  const { flat, card } = colours;
  return { ...point, color: close >= open ? card : flat, borderColor: flat, wickColor: flat };
}

export function amount({ openMs, volume }) {
  return { time: openMs / 1_000, value: volume };
}
