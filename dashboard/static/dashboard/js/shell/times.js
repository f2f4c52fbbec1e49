// Times in the reader's zone, or in UTC where that was chosen; UTC on hover either way.

import { UNKNOWN } from "./formats.js";
import { onPreference, preference } from "./preferences.js";

const LOCAL = "local";
const STYLES = {
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  minute: { hour: "2-digit", minute: "2-digit" },
  date: { year: "numeric", month: "2-digit", day: "2-digit" },
  dateMinute: { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" },
  dateClock: {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  },
};

// Made once for a zone: the head asks for them at every draw.
let formatters = new Map();
let offsets = null;
onPreference("zone", () => {
  formatters = new Map();
  offsets = null;
  for (const element of document.querySelectorAll("time[data-style]")) refresh(element);
});

export function zone() {
  const chosen = preference("zone", LOCAL);
  return chosen === LOCAL ? Intl.DateTimeFormat().resolvedOptions().timeZone : "UTC";
}

/** The zone as a heading names it at that time: "UTC" or such as "UTC+2", in winter "UTC+1". */
export function zoneName(ms = Date.now()) {
  if (zone() === "UTC") return "UTC";
  offsets ??= new Intl.DateTimeFormat("en-GB", { timeZone: zone(), timeZoneName: "shortOffset" });
  const name = offsets.formatToParts(ms).find((part) => part.type === "timeZoneName").value;
  return name.replace("GMT", "UTC");
}

/** ms since 1970 as text, in one of STYLES; null is an en dash. */
export function time(ms, style = "clock") {
  if (ms == null || !Number.isFinite(ms)) return UNKNOWN;
  if (!formatters.has(style)) {
    // Sweden writes dates as ISO 8601 does, with a space.
    const options = { ...STYLES[style], timeZone: zone(), hourCycle: "h23" };
    formatters.set(style, new Intl.DateTimeFormat("sv-SE", options));
  }
  return formatters.get(style).format(ms);
}

export function utc(ms) {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Write a time into a <time>; it follows the zone when that is changed. */
export function writeTime(element, ms, style = "clock") {
  if (element.dataset.ms === String(ms) && element.dataset.style === style) return;
  element.dataset.ms = String(ms);
  element.dataset.style = style;
  refresh(element);
}

/** A new <time> element. */
export function timeElement(ms, style = "clock") {
  const element = document.createElement("time");
  writeTime(element, ms, style);
  return element;
}

/** Fill every <time datetime="…" data-style="…"> that the server wrote. */
export function adoptTimes(root = document) {
  for (const element of root.querySelectorAll("time[data-style]:not([data-ms])")) {
    element.dataset.ms = String(Date.parse(element.dateTime));
    refresh(element);
  }
}

function refresh(element) {
  const ms = element.dataset.ms === "null" ? null : Number(element.dataset.ms);
  const known = ms !== null && Number.isFinite(ms);
  element.textContent = time(ms, element.dataset.style);
  element.title = known ? utc(ms) : "";
  if (known) element.dateTime = new Date(ms).toISOString();
}
