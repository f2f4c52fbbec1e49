// A panel with a chart and its table twin. The chart opens once there is something to draw.

import { openChart } from "../shell/charts.js";
import { Panel } from "../shell/panel.js";
import { TableTwin } from "../shell/table_twin.js";
import { parts } from "../shell/elements.js";

export class ChartPanel {
  /** element: the panel's section. */
  constructor(element) {
    this.element = element;
    this.panel = new Panel(element);
    this.parts = parts(element);
    this.details = element.querySelector(".twin");
    this.title = element.querySelector("h2");
    this.chart = null;
    this.opening = null;
  }

  /** caption, columns: of the table; rows: its lists of text; optionsOf(colour): the drawing. */
  show({ caption, columns, rows, optionsOf }) {
    const head = `${caption}|${columns.join("|")}`;
    if (this.head !== head) {
      this.head = head;
      this.twin = new TableTwin(this.details, caption, columns.map((name) => ({ name })));
    }
    this.twin.show(rows);
    this.parts.chart.setAttribute("role", "img");
    this.parts.chart.setAttribute("aria-label", `${caption}. The table below holds the same.`);
    this.panel.ready();
    this.draw(optionsOf);
  }

  write(name, text) {
    const part = this.parts[name];
    if (part.textContent !== text) part.textContent = text;
  }

  draw(optionsOf) {
    this.optionsOf = optionsOf;
    if (this.chart) {
      this.chart.draw(optionsOf);
      return;
    }
    this.opening ??= openChart(this.parts.chart, (colour) => this.optionsOf(colour)).then(
      (chart) => {
        this.chart = chart;
        this.onOpen?.(chart);
      },
      () => {
        // The table holds the same; the next refresh tries again.
        this.opening = null;
        this.panel.stale("The chart could not be loaded; the table below holds the same.");
        this.details.open = true;
      },
    );
  }
}
