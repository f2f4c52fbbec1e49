// The live page: frames in, text and chart out.

import { pageData } from "../shell/page_data.js";
import { Shell } from "../shell/shell.js";
import { MarketState } from "./market_state.js";
import { Panel } from "./panel.js";
import { PriceChart } from "./price_chart.js";

const shell = new Shell({ path: pageData.socketPath });
const state = shell.follow(new MarketState(pageData.symbol, shell.clock));
const panel = new Panel(pageData);
const chart = new PriceChart(document.getElementById("chart"), pageData.horizonMs);

shell.onProblem(() => panel.problem(state));
shell.onDraw(() => {
  panel.render(state);
  chart.render(state);
});

document.getElementById("symbol").addEventListener("change", (event) => event.target.form.submit());

const choices = document.querySelectorAll("[data-minutes]");
for (const button of choices) {
  button.addEventListener("click", () => {
    for (const each of choices) each.setAttribute("aria-pressed", String(each === button));
    chart.minutes = Number(button.dataset.minutes);
    shell.redraw();
  });
}

shell.start();
