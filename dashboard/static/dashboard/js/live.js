// The live page: frames in, text and chart out.

import { LivePage } from "./live_page.js";
import { MarketState } from "./market_state.js";
import { Panel } from "./panel.js";
import { PriceChart } from "./price_chart.js";

const page = JSON.parse(document.getElementById("page").textContent);
const state = new MarketState(page.symbol);
const panel = new Panel(page);
const chart = new PriceChart(document.getElementById("chart"), page.horizonMs);
const live = new LivePage(page.socketPath, state, draw);

function draw() {
  panel.render(state, live.connection);
  chart.render(state);
}

document.getElementById("symbol").addEventListener("change", (event) => event.target.form.submit());

const choices = document.querySelectorAll("[data-minutes]");
for (const button of choices) {
  button.addEventListener("click", () => {
    for (const each of choices) each.setAttribute("aria-pressed", String(each === button));
    chart.minutes = Number(button.dataset.minutes);
    live.redraw();
  });
}

setInterval(() => panel.tick(state, live.connection), 250);
live.open();
