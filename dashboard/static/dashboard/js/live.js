// The live page: frames in, text and chart out.

import { LiveSocket } from "./socket.js";
import { MarketState } from "./market_state.js";
import { Panel } from "./panel.js";
import { PriceChart } from "./price_chart.js";

const page = JSON.parse(document.getElementById("page").textContent);
const state = new MarketState(page.symbol);
const panel = new Panel(page);
const chart = new PriceChart(document.getElementById("chart"), page.horizonMs);
let connection = { state: "connecting", attempt: 0 };
let drawing = false;

function draw() {
  drawing = false;
  panel.render(state, connection);
  chart.render(state);
}

// Several frames may come at once; the page is drawn once for all of them.
function redraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(draw);
}

const socket = new LiveSocket(
  page.socketPath,
  (frame) => {
    state.apply(frame);
    redraw();
  },
  (status) => {
    connection = status;
    redraw();
  },
);

document.getElementById("symbol").addEventListener("change", (event) => event.target.form.submit());

const choices = document.querySelectorAll("[data-minutes]");
for (const button of choices) {
  button.addEventListener("click", () => {
    for (const each of choices) each.setAttribute("aria-pressed", String(each === button));
    chart.minutes = Number(button.dataset.minutes);
    redraw();
  });
}

setInterval(() => panel.tick(state, connection), 250);
socket.open();
