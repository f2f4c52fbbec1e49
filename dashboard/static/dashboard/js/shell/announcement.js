// Strong signals in the words of a notification: one, or a batch of many together.

import * as formats from "./formats.js";
import { SIGNS, word } from "./signal_words.js";
import { venueKind } from "./venues.js";

const NAMED = 5;

/** What one signal is called among all that were ever told. */
export function nameOf({ venue, symbol, timeframe, made_ts: madeMs }) {
  return `${venue}/${symbol}/${timeframe}/${madeMs}`;
}

/** {title, body, tag, hash, spoken} of signals of one venue, surest first. nowMs: market time or null. */
export function announcement(signals, nowMs) {
  const [first] = signals;
  const told = signals.length === 1 ? ofOne(first, nowMs) : ofMany(signals);
  const market = marketOf(first);
  return {
    title: market ? `${market} · ${told.title}` : told.title,
    body: told.body,
    tag: `cryptosite/${nameOf(first)}`,
    hash: `#${first.symbol}/${first.timeframe}`,
    spoken: spoken(signals, market),
  };
}

function spoken(signals, market) {
  const where = market ? `${market.toLowerCase()}, ` : "";
  const many = signals.length === 1 ? "strong signal" : `${signals.length} strong signals`;
  return `${where}${many}: ${named(signals, inWords).join("; ")}.`;
}

function ofOne(signal, nowMs) {
  const { symbol, entry, stop_loss: stop, take_profits: targets } = signal;
  const price = (value) => formats.price(value, symbol);
  const left = nowMs === null ? "" : ` Valid for ${formats.span(signal.valid_until_ts - nowMs)}.`;
  const target = targets.length ? `, target ${price(targets[0].price)}` : "";
  return { title: brief(signal), body: `Entry ${price(entry)}, stop ${price(stop)}${target}.${left}` };
}

function ofMany(signals) {
  const timeframes = [...new Set(signals.map((each) => each.timeframe))].join(", ");
  return { title: `${signals.length} strong signals, ${timeframes}`, body: named(signals, brief).join("\n") };
}

function named(signals, words) {
  const some = signals.slice(0, NAMED).map(words);
  const more = signals.length - some.length;
  return more > 0 ? [...some, `and ${more} more`] : some;
}

function brief(signal) {
  const share = formats.percent(signal.confidence, 0);
  return `${SIGNS[signal.direction]} ${word(signal.direction)} ${signal.symbol} ${signal.timeframe}, ${share}`;
}

function inWords(signal) {
  const share = formats.percent(signal.confidence, 0);
  return `${signal.symbol} ${signal.timeframe} ${word(signal.direction).toLowerCase()}, ${share}`;
}

function marketOf({ venue, live }) {
  return live ? "" : venueKind(venue, false).toUpperCase();
}
