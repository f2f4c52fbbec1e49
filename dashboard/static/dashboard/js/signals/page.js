// The signals page: frames in, matrix and detail out.

import { pageData as page } from "../shell/page_data.js";
import { staleness } from "../shell/page_head.js";
import { Shell } from "../shell/shell.js";
import { time } from "../shell/times.js";
import { SignalDetail } from "./detail.js";
import { SignalMatrix } from "./matrix.js";
import { SignalState } from "./state.js";

const OVERDUE_MS = 60_000;

const shell = new Shell();
const text = shell.text;
const state = shell.follow(new SignalState(shell.clock));
const detail = new SignalDetail(text, page);
const matrix = new SignalMatrix(text.element("matrix"), page.reasons, choose);
let chosen = null;

function draw() {
  matrix.render(state);
  detail.render(state, chosen);
  text.write("counts", counts());
}

function problem() {
  const stale = staleness(state.dataAge(), state.clock.patience(page.maxFeatureAgeMs));
  if (stale) return stale;
  if (!state.clock.health.processes.signals?.status) return "The signal loop is not running: no new signals.";
  if (state.signals.size === 0) return nothing();
  return page.timeframes.map(overdue).find((each) => each !== null) ?? null;
}

function nothing() {
  if (state.errors.size > 0) return "No coin has a signal; each cell says why.";
  return "No signal yet: the first comes when a candle closes.";
}

function overdue({ name, ms }) {
  const now = state.clock.now();
  const newest = state.newestClose(name);
  if (now === null || newest === null) return null;
  const due = Math.floor(now / ms) * ms;
  const late = newest < due && state.clock.wall(now - newest - ms) > state.clock.patience(OVERDUE_MS);
  return late ? `The ${name} candle that closed at ${time(due)} brought no signal yet.` : null;
}

function counts() {
  const now = state.clock.now();
  const open = [...state.signals.values()].filter((each) => now === null || now < each.valid_until_ts);
  const long = open.filter((each) => each.direction === "LONG").length;
  const short = open.filter((each) => each.direction === "SHORT").length;
  return `${long} long and ${short} short open to enter`;
}

function choose(symbol, timeframe) {
  chosen = { symbol, timeframe };
  draw(); // before the cell is scrolled to: it takes room
  matrix.choose(symbol, timeframe);
  history.replaceState(null, "", `#${symbol}/${timeframe}`);
}

function close() {
  if (!chosen) return;
  chosen = null;
  matrix.choose(null, null);
  history.replaceState(null, "", location.pathname);
  matrix.focus();
  shell.redraw();
}

function filter() {
  const shown = matrix.filter(text.element("filter").value);
  const all = page.symbols.length;
  text.write("shown", shown === all ? "" : `${shown} of ${all} symbols`);
}

// A link may name a signal: /signals#BTCUSDT/1h
function chooseLinked() {
  const [symbol, timeframe] = location.hash.slice(1).split("/");
  const known = page.symbols.includes(symbol) && page.timeframes.some((each) => each.name === timeframe);
  if (known) choose(symbol, timeframe);
}

text.element("filter").addEventListener("input", filter);
text.element("detail-close").addEventListener("click", close);
addEventListener("keydown", (event) => event.key === "Escape" && close());
addEventListener("hashchange", chooseLinked);
filter(); // browsers keep what was typed before a reload
chooseLinked();
shell.onProblem(problem);
shell.onDraw(draw);
shell.start();
