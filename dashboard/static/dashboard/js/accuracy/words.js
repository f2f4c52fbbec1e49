// What a figure means in words. Nothing is said to be better than its interval shows.

import { UNKNOWN, count, fixed, percent, signed } from "../shell/formats.js";

export { count };

const FEW = 30;

const WRITE = {
  share: (value) => percent(value, 1),
  ratio: (value) => fixed(value, 3),
  skill: (value) => (value == null ? UNKNOWN : `${value === 0 ? "0" : signed(value * 100)} %`),
  r: (value) => (value == null ? UNKNOWN : `${value === 0 ? "0" : signs(value, 3)} R`),
  bp: (value) => (value == null ? UNKNOWN : `${value === 0 ? "0" : signs(value, 2)} bp`),
};

// Of each engine: what stands at the top. better: which way is good; a claim is to be met.
export const HEADLINES = {
  forecasts: [
    { name: "hit_rate", title: "Hit rate", unit: "share", better: "higher", than: "always saying the more frequent direction", of: "moves whose direction was called" },
    { name: "mae", title: "Error over that of no change", unit: "ratio", better: "lower", than: "saying no change", of: "forecasts" },
    { name: "coverage", title: "Inside the 90 % interval", unit: "share", better: "claim", than: "claimed", of: "intervals" },
    { name: "log_loss", title: "Skill of the probabilities", unit: "skill", better: "higher", than: "the window's own shares of up, flat, down", of: "forecasts", part: "skill", baseline: 0 },
  ],
  signals: [
    { name: "accuracy", title: "Three-class accuracy", unit: "share", better: "higher", than: "always saying the most frequent class", of: "signals" },
    { name: "hit_rate", title: "Hit rate, given a touch", unit: "share", better: "higher", than: "always saying the more frequent side", of: "LONG and SHORT that touched a barrier" },
    { name: "take_profit_rate", title: "First target reached", unit: "share", better: "higher", than: "the share of that side", of: "LONG and SHORT" },
    { name: "mean_r_after_fees", title: "Mean R after fees", unit: "r", better: "higher", than: "not trading", of: "LONG and SHORT" },
    { name: "eta_coverage", title: "ETA inside its interval", unit: "share", better: "claim", than: "claimed", of: "targets reached" },
  ],
};

const SOURCES = {
  redis: "model",
  "fallback-stale": "carried on",
  "fallback-trend": "trend",
  "fallback-error": "no forecast",
  "fallback-emergency": "emergency",
};

/** A group's name as a table's head says it: a source in a word, all else as it is. */
export function groupName(name) {
  return SOURCES[name] ?? name;
}

export function written(unit, value) {
  return WRITE[unit](value);
}

/** A headline's figure out of a summary, with its baseline. */
export function pick(headline, summary) {
  const whole = summary[headline.name];
  const figure = headline.part ? whole?.[headline.part] : whole;
  if (!figure) return null;
  return { ...figure, baseline: headline.baseline ?? figure.baseline ?? null };
}

export function intervalText(unit, figure) {
  if (figure?.lower == null) return UNKNOWN;
  return `${written(unit, figure.lower)} to ${written(unit, figure.upper)}`;
}

/** Whether a figure beats its baseline: {kind: good | bad | unsure | none, mark, text}. */
export function verdict(headline, figure, minimum) {
  const found = judged(headline, figure, minimum);
  const claim = headline.better === "claim";
  const marks = { good: claim ? "✓" : "▲", bad: claim ? "✕" : "▼", unsure: "≈", none: "–" };
  return { ...found, mark: marks[found.kind] };
}

function judged({ unit, better, than }, figure, minimum) {
  if (!figure || figure.value == null) {
    return { kind: "none", text: `too few: ${count(figure?.n ?? 0)} of ${minimum}` };
  }
  const base = figure.baseline == null ? "" : ` ${written(unit, figure.baseline)}`;
  if (figure.lower == null) {
    return { kind: "none", text: "no interval yet: these sums hold fewer than three stretches of time" };
  }
  if (figure.baseline == null) return { kind: "none", text: "has no baseline" };
  const above = figure.lower > figure.baseline;
  const below = figure.upper < figure.baseline;
  if (better === "claim") {
    if (above) return { kind: "bad", text: `more than the${base} ${than}: intervals are too wide` };
    if (below) return { kind: "bad", text: `less than the${base} ${than}: intervals are too narrow` };
    return { kind: "good", text: `agrees with the${base} ${than}` };
  }
  const good = better === "higher" ? above : below;
  const bad = better === "higher" ? below : above;
  if (good) return { kind: "good", text: `beats${base}, ${than}` };
  if (bad) return { kind: "bad", text: `worse than${base}, ${than}` };
  return { kind: "unsure", text: `not shown to beat${base}, ${than}` };
}

/** All of it in one sentence, the plain truth first. */
export function conclusion(engine, found) {
  const told = found.filter(({ headline }) => headline.better !== "claim");
  const titles = (kind) =>
    told.filter(({ verdict: each }) => each.kind === kind).map(({ headline }) => headline.title.charAt(0).toLowerCase() + headline.title.slice(1));
  const [good, bad, none] = ["good", "bad", "none"].map(titles);
  const what = engine === "signals" ? "signals" : "forecasts";
  if (none.length === told.length) return `Nothing can be said of these ${what} yet.`;
  if (good.length === 0) {
    const worse = bad.length ? ` By ${listed(bad)} they are worse.` : "";
    return `Nothing here is shown to beat its baseline.${worse}`;
  }
  const beats = `These ${what} beat their baseline by ${listed(good)}`;
  const rests = onFew(told.filter(({ verdict: each }) => each.kind === "good"));
  if (bad.length) return `${beats}, and are worse by ${listed(bad)}.${rests}`;
  if (good.length === told.length) return `${beats}.${rests}`;
  return `${beats}; by the rest they are not shown to.${rests}`;
}

// An interval of a few is wide, and still one of many that somebody looked at.
function onFew(found) {
  const least = Math.min(...found.map(({ figure }) => figure.n_eff ?? Infinity));
  return least < FEW ? ` That rests on ${count(least)} independent outcomes, if as many.` : "";
}

export function counts(figure) {
  const effective = figure.n_eff == null ? "" : ` · n_eff ${count(figure.n_eff)}`;
  return `n ${count(figure.n)}${effective}`;
}

function listed(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

function signs(value, digits) {
  return `${value > 0 ? "+" : "−"}${fixed(Math.abs(value), digits)}`;
}
