// The accuracy page: its view in the address, questions to /api/accuracy, panels that show them.

import { Refusal, address, ask } from "../shell/asking.js";
import { pageData } from "../shell/page_data.js";
import { onPreference } from "../shell/preferences.js";
import { Shell } from "../shell/shell.js";
import { time } from "../shell/times.js";
import { CostsPanel, rememberedCosts } from "./costs.js";
import { Filters } from "./filters.js";
import { pairOf } from "./heat_map.js";
import { Record } from "./record.js";
import { COSTS, costsOf, question, readView, rowsOf, writeView } from "./view.js";

const PATH = "/api/accuracy";
const REFRESH_MS = 60_000;

const shell = new Shell();
const record = new Record(pageData, { onCell, onMetric: (metric) => keep({ metric }), onKeep: (keep_) => keep({ keep: keep_ }) });
const costs = new CostsPanel(document.getElementById("costs"), (changed) => {
  keep(changed);
  askCosts();
});
const filters = new Filters(document.getElementById("filters"), pageData, (changed) => go(changed));
let view = readView(location.search);
const running = { record: null, costs: null };
let asOf = null;
let failed = null;

/** Show another view, with a step in the browser's history. */
function go(changes) {
  const next = { ...view, ...changes };
  if (changes.window) Object.assign(next, { from: "", to: "" });
  const address_ = writeView(next);
  view = readView(address_);
  history.pushState(null, "", address_);
  showView();
  refresh({ anew: true });
}

/** Keep in the address what changes nothing that was asked for. */
function keep(changes) {
  view = { ...view, ...changes };
  history.replaceState(null, "", writeView(view));
  if ("metric" in changes) record.redraw(view);
}

function onCell(pair) {
  const shown = Object.entries(pair).every(([name, value]) => view[name] === value);
  go(shown ? Object.fromEntries(Object.keys(pair).map((name) => [name, ""])) : pair);
}

function showView() {
  if (COSTS.every((name) => view[name] === "")) Object.assign(view, rememberedCosts(pageData.feeBp));
  for (const name of COSTS) view[name] ||= "0";
  document.getElementById("content").dataset.engine = view.engine;
  filters.show(view);
  costs.fill(view);
  for (const tab of document.querySelectorAll("#tabs a")) {
    if (tab.dataset.engine === view.engine) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
  }
  const asked = question(view);
  document.getElementById("link-json").href = address(PATH, { ...asked, by: pairOf(view.engine).join(","), series: "auto", ...costsOf(view) });
}

function refresh({ anew = false } = {}) {
  return Promise.all([askRecord(anew), askCosts(anew)]);
}

function askRecord(anew) {
  const parameters = { ...question(view), by: pairOf(view.engine).join(","), series: "auto" };
  return asking("record", parameters, anew ? record : null, (told) => {
    asOf = Date.now();
    document.getElementById("link-csv").href = address(`/api/${view.engine}`, rowsOf(view, told));
    record.show(told, view);
  });
}

// By band, with the bill: two thirds of what the page asks are the same for either.
function askCosts(anew = false) {
  const parameters = { ...question(view), by: "band", ...costsOf(view) };
  const both = { loading: () => [record.bands.panel, costs.panel].forEach((each) => each.loading()), failed: (refusal, again) => [record.bands.panel, costs.panel].forEach((each) => each.failed(refusal, again)) };
  return asking("costs", parameters, anew ? both : null, (told) => {
    record.showBands(told);
    costs.show(told);
  }, both);
}

// Only the newest question of a kind is answered to; an older one is given up.
async function asking(kind, parameters, shown, show, target = record) {
  running[kind]?.abort();
  const question_ = new AbortController();
  running[kind] = question_;
  shown?.loading();
  try {
    const told = await ask(PATH, parameters, { signal: question_.signal });
    if (running[kind] !== question_) return;
    failed = null;
    show(told);
  } catch (error) {
    if (question_.signal.aborted) return;
    if (!(error instanceof Refusal)) throw error;
    failed = error;
    target.failed(error, () => refresh());
  }
  writeUpdated();
}

function writeUpdated() {
  const told = asOf === null ? "" : `as of ${time(asOf)}`;
  const text = failed && asOf !== null ? `✕ not renewed, ${told}` : told;
  shell.text.write("updated", text, failed ? "bad" : "");
}

document.getElementById("tabs").addEventListener("click", (event) => {
  const tab = event.target.closest("a");
  if (!tab || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  const gone = { window: "", symbol: "", timeframe: "", source: "", model_version: "", role: "", metric: "", keep: "" };
  go({ ...gone, engine: tab.dataset.engine });
});
addEventListener("popstate", () => {
  view = readView(location.search);
  showView();
  refresh({ anew: true });
});
onPreference("zone", () => {
  record.redraw(view);
  writeUpdated();
});

showView();
refresh({ anew: true });
setInterval(() => document.hidden || refresh(), REFRESH_MS);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && asOf !== null && Date.now() - asOf > REFRESH_MS) refresh();
});
shell.start();
