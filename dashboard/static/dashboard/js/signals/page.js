// The signals page: frames in; matrix, detail and an address that holds the view out.

import { pageData as page } from "../shell/page_data.js";
import { outage } from "../shell/page_head.js";
import { Panel } from "../shell/panel.js";
import { onPreference } from "../shell/preferences.js";
import { Shell } from "../shell/shell.js";
import { enterable } from "./arrangement.js";
import { Controls } from "./controls.js";
import { SignalDetail } from "./detail.js";
import { listenToKeys } from "./keys.js";
import { SignalMatrix } from "./matrix.js";
import { problem } from "./problems.js";
import { SignalState } from "./state.js";
import { readView, writeView } from "./view.js";

const timeframes = page.timeframes.map(({ name }) => name);
const shell = new Shell();
const text = shell.text;
const state = shell.follow(new SignalState(shell.clock, timeframes));
const detail = new SignalDetail(text, page);
const panel = new Panel(text.element("matrix-card"));
const controls = new Controls(text.element("controls"), timeframes, changed);
const matrix = new SignalMatrix(text.element("matrix"), text.element("matrix-says"), {
  reasons: page.reasons,
  timeframes: page.timeframes,
  onChoose: choose,
  onSort: (name) => controls.sort(name),
});
let chosen = null;

function draw() {
  matrix.render(state, controls.view);
  const out = outage(shell.connection, state.clock.health, shell.heard);
  detail.render(state, chosen, out);
  drawPanel(out);
  text.write("counts", counts());
  text.write("shown", shown());
  text.element("sort-again").hidden = !matrix.outdated(state, controls.view);
}

function drawPanel(out) {
  if (shell.connection.state === "refused") panel.set("error", "The server does not serve these signals.");
  else if (!state.heard) panel.set("loading", out ?? "Loading signals…");
  else if (matrix.shown.length === 0) panel.set("empty", "No coin passes these filters.", ["Clear filters", clear]);
  else if (out !== null) panel.stale("Nothing new comes: these are the last signals received.");
  else panel.ready();
}

function counts() {
  const now = state.clock.now();
  const open = [...state.signals.values()].filter((each) => enterable(each, now));
  const long = open.filter((each) => each.direction === "LONG").length;
  return `${long} long and ${open.length - long} short open to enter`;
}

function shown() {
  const all = page.symbols.length;
  const rows = matrix.shown.length;
  return rows === all ? `${all} coins` : `${rows} of ${all} coins`;
}

function changed() {
  matrix.arrange(state, controls.view);
  writeAddress();
  draw();
}

function clear() {
  controls.clear();
  controls.search.focus();
}

function choose(symbol, timeframe) {
  chosen = { symbol, timeframe };
  draw(); // before the cell is scrolled to: it takes room
  matrix.choose(symbol, timeframe);
  writeAddress();
}

function close() {
  if (!chosen) return;
  const { activeElement } = document;
  const within = text.element("detail").contains(activeElement) || activeElement === document.body;
  chosen = null;
  matrix.choose(null, null);
  writeAddress();
  if (within) matrix.walking.focus();
  shell.redraw();
}

// /signals?sort=1h&strong=1#BTCUSDT/1h: the view in the query, the chosen signal in the hash.
function writeAddress() {
  const hash = chosen ? `#${chosen.symbol}/${chosen.timeframe}` : "";
  history.replaceState(null, "", location.pathname + writeView(controls.view, timeframes) + hash);
}

function chooseLinked() {
  const [symbol, timeframe] = location.hash.slice(1).split("/");
  if (page.symbols.includes(symbol) && timeframes.includes(timeframe)) choose(symbol, timeframe);
}

text.element("detail-close").addEventListener("click", close);
text.element("sort-again").addEventListener("click", () => {
  matrix.arrange(state, controls.view);
  draw();
});
listenToKeys({
  search: controls.search,
  dialog: text.element("keys"),
  onEscape: close,
  onDown: () => matrix.walking.enter(),
  onArrow: () => matrix.walking.focus(),
});
onPreference("zone", () => [matrix, detail].forEach((each) => each.forget()));
addEventListener("hashchange", chooseLinked);
controls.adopt(readView(location.search, timeframes));
matrix.arrange(state, controls.view);
chooseLinked();
shell.onProblem(() => problem(state, page));
shell.onDraw(draw);
shell.start();
