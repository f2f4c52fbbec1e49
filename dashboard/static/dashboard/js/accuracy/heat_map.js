// The heat map: a cell a pair (signals: coin × timeframe, forecasts: coin × source), its number in
// it, its colour the distance from its own baseline. It is a table: cells are buttons that filter.

import { Panel } from "../shell/panel.js";
import { TableTwin } from "../shell/table_twin.js";
import { made } from "../shell/elements.js";
import { PAIRS } from "./view.js";
import { count, groupName, intervalText, verdict, written } from "./words.js";

const SHARE = { unit: "share", better: "higher", than: "its baseline", reach: 0.15 };
const METRICS = {
  forecasts: [
    { name: "hit_rate", title: "Hit rate", ...SHARE },
    { name: "mae", title: "Error over that of no change", unit: "ratio", better: "lower", than: "no change", reach: 0.1 },
    { name: "coverage", title: "Inside the 90 % interval", ...SHARE, better: "claim", than: "claimed" },
  ],
  signals: [
    { name: "hit_rate", title: "Hit rate, given a touch", ...SHARE },
    { name: "accuracy", title: "Three-class accuracy", ...SHARE },
    { name: "mean_r_after_fees", title: "Mean R after fees", unit: "r", better: "higher", than: "not trading", reach: 0.3 },
  ],
};
const MARKS = { good: "▲", bad: "▼", unsure: "", none: "" };
const STRONGEST = 52; // per cent of colour, so that text on it keeps its contrast

export class HeatMap {
  /** onCell({symbol, …}): a cell was chosen. onMetric(name). columns: of each engine, in order. */
  constructor(element, columns, onCell, onMetric) {
    this.panel = new Panel(element);
    this.columns = columns;
    this.frame = element.querySelector("#map-frame");
    this.title = element.querySelector("#map-title");
    this.select = element.querySelector("#map-metric");
    this.details = element.querySelector(".twin");
    this.key = element.querySelector("#map-key");
    this.select.addEventListener("change", () => onMetric(this.select.value));
    this.frame.addEventListener("click", (event) => {
      const cell = event.target.closest("button");
      if (cell) onCell({ ...cell.dataset });
    });
  }

  show(told, view) {
    const [row, column] = PAIRS[told.engine];
    const chosen = this.choose(told.engine, view.metric);
    if (!told.groups.length) {
      this.panel.empty("Nothing was said in this window.");
      return;
    }
    const cells = new Map(told.groups.map((group) => [`${group[row]}|${group[column]}`, group]));
    const rows = [...new Set(told.groups.map((group) => group[row]))];
    const present = new Set(told.groups.map((group) => group[column]));
    const columns = this.columns[told.engine].filter((each) => present.has(each));
    const focused = this.frame.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
    this.frame.replaceChildren(this.table({ told, chosen, rows, columns, cells, row, column, view }));
    if (focused) this.frame.querySelector(`[data-testid="${CSS.escape(focused)}"]`)?.focus();
    this.writeKey(chosen);
    this.writeTwin(told, chosen, row, column);
    this.panel.ready();
  }

  loading(engine) {
    this.head(engine);
    this.panel.loading();
  }

  failed(refusal, again) {
    this.panel.failed(refusal, again);
  }

  head(engine) {
    if (this.engine === engine) return;
    this.engine = engine;
    this.panel.shown = false;
    this.title.textContent = `By symbol and ${PAIRS[engine][1]}`;
    this.select.replaceChildren(...METRICS[engine].map(({ name, title }) => new Option(title, name)));
  }

  choose(engine, metric) {
    this.head(engine);
    const chosen = METRICS[engine].find(({ name }) => name === metric) ?? METRICS[engine][0];
    this.select.value = chosen.name;
    return chosen;
  }

  table({ told, chosen, rows, columns, cells, row, column, view }) {
    const table = made("table", "heat");
    const head = table.createTHead().insertRow();
    for (const name of [row === "symbol" ? "Symbol" : row, ...columns]) {
      const cell = made("th", "", groupName(name));
      cell.scope = "col";
      head.append(cell);
    }
    const body = table.createTBody();
    for (const name of rows) {
      const line = body.insertRow();
      const heading = made("th", "", name);
      heading.scope = "row";
      line.append(heading);
      for (const other of columns) {
        const cell = this.cell(cells.get(`${name}|${other}`), chosen, told, { [row]: name, [column]: other });
        cell.setAttribute("aria-pressed", String(view[row] === name && view[column] === other));
        line.insertCell().append(cell);
      }
    }
    return table;
  }

  cell(group, chosen, told, pair) {
    const figure = group?.[chosen.name] ?? { value: null, n: 0 };
    const said = verdict(chosen, figure, told.minimum_n);
    const button = made("button", "heat-cell");
    button.type = "button";
    Object.assign(button.dataset, pair);
    const names = Object.values(pair).map(groupName).join(" ");
    button.dataset.testid = `cell-${Object.values(pair).join("-")}`;
    const value = figure.value == null ? "–" : written(chosen.unit, figure.value).replace(" %", "").replace(" R", "");
    button.append(made("span", "mark", MARKS[said.kind]), value);
    button.title = `${names}: ${written(chosen.unit, figure.value)}, 95 % ${intervalText(chosen.unit, figure)}, n ${count(figure.n)}; ${said.text}`;
    button.setAttribute("aria-label", button.title);
    if (figure.value == null) button.dataset.way = "none";
    else paint(button, figure, chosen);
    return button;
  }

  writeKey({ unit, reach, better, than }) {
    const ends = unit === "share" ? `${reach * 100} points` : unit === "r" ? `${reach} R` : String(reach);
    const [low, high] = better === "lower" ? ["worse", "better"] : better === "claim" ? ["less", "more"] : ["worse", "better"];
    const scale = made("span", "map-scale");
    this.key.replaceChildren(`${low} by ${ends}`, scale, `${high} than ${than}`);
  }

  writeTwin(told, chosen, row, column) {
    const caption = `${chosen.title} by ${row} and ${column}`;
    if (this.caption !== caption) {
      this.caption = caption;
      const names = ["Symbol", column === "source" ? "Source" : "Timeframe", chosen.title, "95 % interval", "Baseline", "n", "In words"];
      this.twin = new TableTwin(this.details, caption, names.map((name) => ({ name })));
    }
    this.twin.show(
      told.groups.map((group) => {
        const figure = group[chosen.name];
        return [
          group[row], groupName(group[column]), written(chosen.unit, figure.value), intervalText(chosen.unit, figure),
          written(chosen.unit, figure.baseline), count(figure.n), verdict(chosen, figure, told.minimum_n).text,
        ];
      }),
    );
  }
}

function paint(button, { value, baseline }, { reach, better }) {
  const distance = (value - (baseline ?? 0)) * (better === "lower" ? -1 : 1);
  button.dataset.way = distance > 0 ? "up" : distance < 0 ? "down" : "level";
  button.style.setProperty("--strength", `${Math.min(1, Math.abs(distance) / reach) * STRONGEST}%`);
}
