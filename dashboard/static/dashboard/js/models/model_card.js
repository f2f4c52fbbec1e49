// One model: what it is, what it was shown to do, how it did of late. What is known of a network
// does not change, so its card is made once; only the record and what is loaded are renewed.

import { made } from "../shell/elements.js";
import { MetricsTable } from "./metrics_table.js";
import { calibration, cardText, facts, files, gate, leaks } from "./model_facts.js";
import { LiveRecord } from "./live_record.js";
import { verdicts } from "./verdicts.js";

const TITLES = { forecasts: "Forecast, 10 seconds", signals: "Signals" };

export class ModelCard {
  constructor() {
    this.element = made("article", "card model");
    this.record = new LiveRecord();
    this.loaded = made("span", "tag");
    this.key = "";
  }

  show(model) {
    const { live_record: record, loaded, ...still } = model;
    const key = JSON.stringify(still);
    if (key !== this.key) {
      this.key = key;
      this.make(model);
    }
    this.sayLoaded(loaded);
    this.record.show(record, model.engine);
  }

  make(model) {
    this.element.id = `model-${model.id}`;
    this.element.dataset.testid = `model-${model.id}`;
    const title = made("h2", "", titleOf(model));
    title.id = `title-${model.id}`;
    this.element.setAttribute("aria-labelledby", title.id);
    const head = made("div", "card-head");
    head.append(title, made("span", "architecture", model.architecture ?? "architecture not told"), made("code", "", model.version));
    head.append(tag(model.role, model.role === "champion" ? "good" : ""), this.loaded);
    if (model.own) head.append(tag("own network"));
    if (model.promoted) head.append(tag("promoted"));
    head.append(accuracyLink(model));
    const main = made("div", "model-main");
    main.append(verdicts(model), new MetricsTable(model).element, this.record.element);
    const aside = made("div", "model-aside");
    aside.append(facts(model), gate(model), leaks(model), calibration(model), files(model));
    const body = made("div", "model-body");
    body.append(main, aside);
    this.element.replaceChildren(head, conclusion(model), body, cardText(model));
  }

  sayLoaded(loaded) {
    const words = loaded === null ? "loaded: not known" : loaded ? "loaded" : "not loaded";
    this.loaded.textContent = words;
    this.loaded.dataset.kind = loaded === false ? "warn" : "";
    this.loaded.title = loaded === false ? "Its loop runs another file than the one that lies here" : "";
  }
}

function titleOf(model) {
  if (model.engine === "forecasts") return TITLES.forecasts;
  const coin = model.own ? ` of ${model.serves.join(", ")}` : "";
  return `${TITLES.signals} ${model.timeframe}${coin}`;
}

function conclusion(model) {
  if (!model.conclusion) return made("p", "conclusion muted", "It lies here without a manifest: nothing is known of its training, and nothing was measured.");
  const at = model.conclusion.search(/(?<=[.!?])\s/);
  if (at < 0) return made("p", "conclusion", model.conclusion);
  const details = made("details", "conclusion");
  details.append(made("summary", "", model.conclusion.slice(0, at)), made("p", "", model.conclusion.slice(at + 1)));
  return details;
}

function tag(text, className = "") {
  return made("span", `tag ${className}`.trim(), text);
}

function accuracyLink(model) {
  const link = made("a", "end", "Its graded predictions");
  const query = new URLSearchParams({ engine: model.engine, model_version: model.version });
  if (model.timeframe) query.set("timeframe", model.timeframe);
  link.href = `/accuracy?${query}`;
  return link;
}
