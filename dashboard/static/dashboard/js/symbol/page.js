// The page of one coin: candles with signals, what is said now, and the ledger of it.

import { pageData as page } from "../shell/page_data.js";
import { staleness } from "../shell/page_head.js";
import { Panel } from "../shell/panel.js";
import { onPreference } from "../shell/preferences.js";
import { Shell } from "../shell/shell.js";
import { CandleChart } from "./candle_chart.js";
import { CandleFeed } from "./candle_feed.js";
import { CandleTable } from "./candle_table.js";
import { Chosen } from "./chosen.js";
import { CoinHead } from "./coin_head.js";
import { Frames } from "./frames.js";
import { History } from "./history.js";
import { showLegend } from "./legend.js";
import { Summary } from "./summary.js";
import { TimeframeChoice } from "./timeframe_choice.js";

const NO_CANDLES = "No candles of this timeframe are stored in this market yet.";

const shell = new Shell();
const { clock, text } = shell;
const panel = (name) => new Panel(text.element(`${name}-panel`));
const chartPanel = panel("chart");

const feed = new CandleFeed(page, clock, { onChange: changed, onRefusal: refused });
const chart = new CandleChart(text.element("chart"), page.symbol, {
  onChoose: choose,
  onOldest: () => feed.older(),
  onRead: (openMs) => head.read(openMs),
});
const head = new CoinHead(page, text, feed);
const table = new CandleTable(text.element("twin"), page.symbol);
const chosen = new Chosen(page, panel("chosen"), text);
const summary = new Summary(page, panel("summary"), text, { onSignals: stand, onShow: (name) => timeframes.choose(name) });
const history = new History(page, panel("history"), text, showSaid);
const timeframes = new TimeframeChoice(page, text.element("timeframes"), begin);
const frames = shell.follow(new Frames(page, { onSnapshot: catchUp, onQuote: grow, onSignals: told, onOutcomes: ended }));

let standing = { venue: null, items: [] }; // what is said now, of every timeframe
let wanted = null; // open of the candle whose signal the reader chose; null: the newest
let shown = -1; // version of what the chart shows
let started = false; // whether the first candles of the timeframe have been shown

function begin(timeframe) {
  wanted = null;
  started = false;
  chartPanel.loading();
  return feed.show(timeframe);
}

function changed() {
  const { candles, signals } = feed;
  // After a change of market either of the two questions may be answered first.
  if (standing.venue === candles.venue) {
    for (const each of standing.items) if (each.timeframe === feed.timeframe) signals.takeStanding(each);
  }
  const all = candles.all();
  if (all.length === 0) {
    chartPanel.empty(NO_CANDLES);
  } else {
    chartPanel.ready();
    chart.showCandles(all, candles.stepMs, { keep: started });
    started = true;
  }
  shown = candles.version;
  chart.showSignals(signals.all(), current());
  if (history.venue !== candles.venue) history.begin(candles.venue);
  shell.redraw();
}

function refused(refusal) {
  const again = () => (feed.complete ? feed.refresh() : begin(timeframes.current));
  chartPanel.failed(refusal, again);
  if (feed.complete) return;
  // Whose market runs is not known either, nor what was said in it.
  chosen.panel.failed(refusal, again);
  if (history.venue === null) history.panel.failed(refusal, again);
}

// The signal whose levels are drawn: the reader's choice, or the newest.
function current() {
  const { rows } = feed.signals;
  return (wanted === null ? null : rows.get(wanted)) ?? feed.signals.all().at(-1) ?? null;
}

function choose(openMs) {
  wanted = openMs;
  chart.showSignals(feed.signals.all(), current());
  chart.view.bring(openMs);
  shell.redraw();
}

async function showSaid(signal) {
  if (signal.timeframe !== feed.timeframe) await timeframes.choose(signal.timeframe);
  await feed.reach(signal.openMs);
  choose(signal.openMs);
  text.element("candles").scrollIntoView({ block: "nearest" });
}

function step(steps) {
  const beside = current() && feed.signals.beside(current(), steps);
  if (beside) choose(beside.openMs);
}

function stand(answer) {
  standing = { venue: answer.venue, items: answer.predictions };
  history.explain(answer.errors);
  if (feed.complete) changed();
}

// After every connection: what came in between is asked for.
function catchUp(venue) {
  if (feed.complete) feed.refresh();
  summary.refresh();
  if (history.venue !== null && history.venue === venue) history.refresh();
}

function grow(quote) {
  if (!feed.complete || quote.mid === null || quote.ts === null) return;
  if (shell.venue !== feed.candles.venue) return;
  const begun = feed.candles.grow(quote.mid, quote.ts);
  const newest = feed.candles.newest();
  if (begun || shown !== feed.candles.version) changed();
  else if (newest && !newest.stored) chart.growCandle(newest);
}

function told(timeframe) {
  summary.refresh();
  if (timeframe === feed.timeframe && feed.complete) feed.refresh();
  // The recorder stores it a moment after it was said.
  for (const wait of [1_500, 6_000]) setTimeout(() => history.cursor ?? history.refresh(), wait);
}

function ended(timeframe) {
  if (timeframe === feed.timeframe && feed.complete) feed.refresh();
  history.refresh();
}

function draw() {
  const now = clock.now();
  head.render(frames.quote, now);
  summary.render(now);
  if (!feed.complete) return;
  const signal = current();
  chosen.render(signal, now, {
    older: signal !== null && feed.signals.beside(signal, -1) !== null,
    newer: signal !== null && feed.signals.beside(signal, 1) !== null,
  });
  table.render(feed, chart.view.opens(), now);
  if (shell.connection.state === "open") feed.look();
}

function problem() {
  if (!page.forecast) return null;
  return staleness(clock.aged(frames.quote?.age_ms, frames.quoteAt), clock.patience(page.maxFeatureAgeMs));
}

text.element("symbol").addEventListener("change", (event) => location.assign(event.target.value + location.search));
text.element("step-older").addEventListener("click", () => step(-1));
text.element("step-newer").addEventListener("click", () => step(1));
onPreference("zone", () => feed.complete && changed());
showLegend(text.element("legend"));
shell.onProblem(problem);
shell.onDraw(draw);
shell.start();
timeframes.start();
summary.refresh();
