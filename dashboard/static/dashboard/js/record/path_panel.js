// The picture of what happened: asked for when the page is open, and again when there is more.

import { Panel } from "../shell/panel.js";
import { onPreference } from "../shell/preferences.js";
import { TableTwin } from "../shell/table_twin.js";
import * as forecastPath from "./forecast_path.js";
import { PathChart } from "./path_chart.js";
import * as signalPath from "./signal_path.js";

const NOTHING = {
  signal: "No candle of this time is stored, so its path cannot be drawn.",
  forecast: "The ledger holds no price around this forecast.",
};

const WAITING = "The candles since then have not closed yet, and none before them is stored.";

export class PathPanel {
  constructor(element, page) {
    this.panel = new Panel(element);
    this.source = page.kind === "signal" ? signalPath : forecastPath;
    this.twin = new TableTwin(element.querySelector(".twin"), this.source.CAPTION, this.source.COLUMNS);
    this.round = 0;
    onPreference("zone", () => this.page && this.show(this.page));
  }

  async show(page) {
    this.page = page;
    const round = (this.round += 1);
    this.panel.loading();
    let drawing;
    try {
      drawing = await this.source.read(page);
    } catch (refusal) {
      if (round === this.round) this.panel.failed(refusal, () => this.show(page));
      return;
    }
    if (round !== this.round) return;
    if (drawing === null) {
      const waits = page.kind === "signal" && page.pending;
      this.panel.empty(waits ? WAITING : NOTHING[page.kind]);
      return;
    }
    this.panel.ready();
    this.chart ??= new PathChart(document.getElementById("path-chart"), {
      candles: this.source.CANDLES,
      style: this.source.STYLE,
    });
    this.chart.show(drawing);
    this.twin.show(drawing.rows);
  }
}
