// The accuracy page: its view in the address, questions to /api/accuracy, panels that show them.

import { Refusal, address, ask } from "../shell/asking.js";
import { pageData } from "../shell/page_data.js";
import { onPreference } from "../shell/preferences.js";
import { Shell } from "../shell/shell.js";
import { time } from "../shell/times.js";
import { CostsPanel, rememberedCosts } from "./costs.js";
import { Filters } from "./filters.js";
import { Record } from "./record.js";
import { COSTS, FILTERS, costsOf, mapQuestion, question, readView, rowsOf, writeView } from "./view.js";

const PATH = "/api/accuracy";
const REFRESH_MS = 60_000;
const OF_ONE_ENGINE = ["window", "from", "to", "metric", "keep", ...FILTERS.filter((name) => name !== "venue")];

const shell = new Shell();
const costs = new CostsPanel(document.getElementById("costs"), (changed) => {
  keep(changed);
  refresh();
});
const record = new Record(pageData, costs, {
  onCell,
  onMetric: (metric) => {
    keep({ metric });
    record.redraw(view);
  },
  onKeep: (share) => keep({ keep: share }),
});
const filters = new Filters(document.getElementById("filters"), pageData, go);
let view = readView(location.search);
let running = null;
let asOf = null;
let failed = false;

/** Show another view, with a step in the browser's history. */
function go(changes) {
  const next = { ...view, ...changes };
  if (changes.from || changes.to) next.window = "custom";
  else if (changes.window !== undefined) Object.assign(next, { from: "", to: "" });
  const found = writeView(next);
  view = readView(found);
  history.pushState(null, "", found);
  showView();
  refresh({ anew: true });
}

/** Keep in the address what needs no step in its history. */
function keep(changes) {
  view = { ...view, ...changes };
  history.replaceState(null, "", writeView(view));
  writeLink();
}

// A click on the cell that is shown alone shows them all again.
function onCell(pair) {
  const shown = Object.entries(pair).every(([name, value]) => view[name] === value);
  go(shown ? emptied(Object.keys(pair)) : pair);
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
  writeLink();
}

function parameters() {
  return { ...question(view), series: "auto", ...costsOf(view) };
}

function writeLink() {
  document.getElementById("link-json").href = address(PATH, parameters());
}

// Only the newest question is answered to; an older one is given up.
async function refresh({ anew = false } = {}) {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  const again = () => refresh({ anew: true });
  if (anew) {
    record.loading();
    record.map.loading(view.engine);
  }
  failed = false;
  await asking(mine, parameters(), again, record, (told) => {
    asOf = Date.now();
    document.getElementById("link-csv").href = address(`/api/${view.engine}`, rowsOf(view, told));
    record.show(told, view);
  });
  if (running !== mine) return;
  await asking(mine, mapQuestion(view), again, record.map, (told) => record.showMap(told, view));
}

async function asking(mine, asked, again, target, show) {
  try {
    const told = await ask(PATH, asked, { signal: mine.signal });
    if (running === mine) show(told);
  } catch (error) {
    if (mine.signal.aborted) return;
    if (!(error instanceof Refusal)) throw error;
    failed = true;
    target.failed(error, again);
  }
  writeUpdated();
}

function writeUpdated() {
  const told = asOf === null ? "" : `as of ${time(asOf)}`;
  shell.text.write("updated", failed && told ? `✕ not renewed, ${told}` : told, failed ? "bad" : "");
}

function emptied(names) {
  return Object.fromEntries(names.map((name) => [name, ""]));
}

document.getElementById("tabs").addEventListener("click", (event) => {
  const tab = event.target.closest("a");
  if (!tab || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go({ ...emptied(OF_ONE_ENGINE), engine: tab.dataset.engine });
});
addEventListener("popstate", () => {
  view = readView(location.search);
  showView();
  refresh({ anew: true });
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && asOf !== null && Date.now() - asOf > REFRESH_MS) refresh();
});
onPreference("zone", () => {
  record.redraw(view);
  writeUpdated();
});

showView();
refresh({ anew: true });
setInterval(() => document.hidden || refresh(), REFRESH_MS);
shell.start();
