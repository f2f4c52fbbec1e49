// The Models page: asks for what is served, draws the map and a card for each model.

import { Refusal, ask } from "../shell/asking.js";
import { Panel } from "../shell/panel.js";
import { Shell } from "../shell/shell.js";
import { ServedMap } from "./served_map.js";
import { ModelCard } from "./model_card.js";
import { Retraining } from "./retraining.js";
import { showRefused } from "./refused.js";

const ASK_EVERY_MS = 30_000;

const shell = new Shell();
const panel = new Panel(document.getElementById("served"));
const map = new ServedMap();
const retraining = new Retraining(document.getElementById("retraining"));
const list = document.getElementById("cards");
const heading = document.getElementById("cards-head");
const cards = new Map();
let asking = false;

async function renew() {
  // Nobody reads a hidden page; it is asked for when it is looked at again.
  if (asking || document.hidden) return;
  asking = true;
  try {
    show(await ask("/api/models"));
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    panel.failed(refusal, renew);
    retraining.failed(refusal, renew);
    if (refusal.denied) forget();
  } finally {
    asking = false;
  }
}

function forget() {
  list.replaceChildren();
  cards.clear();
  heading.hidden = true;
}

function show(told) {
  map.show(told);
  showRefused(told.refused);
  retraining.show(told);
  heading.hidden = told.models.length === 0;
  const kept = new Set();
  for (const [index, model] of told.models.entries()) {
    const card = cards.get(model.id) ?? new ModelCard();
    cards.set(model.id, card);
    kept.add(model.id);
    card.show(model);
    if (list.children[index] !== card.element) list.insertBefore(card.element, list.children[index] ?? null);
  }
  for (const [id, card] of cards) {
    if (kept.has(id)) continue;
    card.element.remove();
    cards.delete(id);
  }
  const connected = told.redis === "connected";
  if (connected || !panel.shown) panel.ready();
  if (!connected) {
    panel.stale("Redis does not answer: this is what the files say. What the loops loaded, and how it did of late, is not known.");
  }
}

shell.start();
panel.loading();
renew().then(() => {
  // Links of the map lead to cards that were not there when the page was opened.
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
});
setInterval(renew, ASK_EVERY_MS);
document.addEventListener("visibilitychange", renew);
