// The filters: controls that follow the view, and change it.

import { shellData } from "../shell/page_data.js";
import { venueKind } from "../shell/venues.js";
import { ALL, FILTERS } from "./view.js";

const EVERY = { symbol: "all", model_version: "all", role: "all published", source: "all" };

export class Filters {
  /** choices: the page's data. onChange(changes): what the reader chose. */
  constructor(form, choices, onChange) {
    this.form = form;
    this.choices = choices;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", (event) => {
      const { name, value } = event.target;
      if (name === "window") this.showCustom(value);
      // Two ends make a window: until one is filled in, what is shown stays.
      if (name === "window" && value === "custom") return;
      onChange({ [name]: value });
    });
    form.querySelector("#reset").addEventListener("click", () =>
      onChange(Object.fromEntries(["window", "from", "to", ...FILTERS].map((name) => [name, ""]))),
    );
  }

  show(view) {
    for (const element of this.form.querySelectorAll("[data-only]")) {
      element.hidden = element.dataset.only !== view.engine;
    }
    const venues = this.choices.venues[view.engine] ?? [];
    const chosen = venues.filter(({ name }) => view.venue === "" || name === view.venue);
    this.fill("venue", venues.map(venueOption), view.venue, "the running market");
    this.fill("symbol", plain(this.symbols(view)), view.symbol);
    this.fill("timeframe", [...plain(this.choices.timeframes), { value: ALL, text: "all together" }], view.timeframe, null);
    this.fill("model_version", plain([...new Set(chosen.flatMap(({ versions }) => versions))].sort()), view.model_version);
    this.fill("role", plain(this.choices.roles), view.role);
    this.fill("source", Object.entries(this.choices.sources).map(([value, text]) => ({ value, text: `${value}: ${text}` })), view.source);
    this.form.elements.window.value = view.window;
    this.form.elements.from.value = inputTime(view.from);
    this.form.elements.to.value = inputTime(view.to);
    this.showCustom(view.window);
  }

  symbols({ engine }) {
    return this.choices.symbols[engine] ?? shellData.forecastSymbols;
  }

  showCustom(window) {
    for (const element of this.form.querySelectorAll(".custom")) element.hidden = window !== "custom";
  }

  // A value that is not among the choices is of an older record: it stays to be chosen.
  fill(name, options, value, all = EVERY[name]) {
    const known = options.some((each) => each.value === value);
    const listed = [...(all ? [{ value: "", text: all }] : []), ...options, ...(value && !known ? [{ value, text: value }] : [])];
    const select = this.form.elements[name];
    const key = JSON.stringify(listed);
    if (select.dataset.key !== key) {
      select.dataset.key = key;
      select.replaceChildren(...listed.map((each) => new Option(each.text, each.value)));
    }
    select.value = value;
  }
}

function plain(values) {
  return values.map((value) => ({ value, text: value }));
}

function venueOption({ name, live }) {
  const kind = venueKind(name, live);
  return { value: name, text: kind === "live" ? name : `${name} (${kind.toUpperCase()})` };
}

function inputTime(text) {
  return text ? text.replace(/(Z|[+-]\d\d:\d\d)$/, "").slice(0, 16) : "";
}
