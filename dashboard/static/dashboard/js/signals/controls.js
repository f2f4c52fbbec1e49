// The filters and the order above the matrix: buttons, search and select, kept equal to the view.

import { filters, plainView, sortBy } from "./view.js";

export class Controls {
  /** onChange(): the view has been changed. */
  constructor(form, timeframes, onChange) {
    this.form = form;
    this.timeframes = timeframes;
    this.onChange = onChange;
    this.view = plainView(timeframes);
    this.search = form.elements.q;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("click", (event) => this.press(event.target.closest("button")));
    this.clearing = document.getElementById("clear");
    this.clearing.addEventListener("click", () => {
      this.clear();
      this.search.focus();
    });
    this.search.addEventListener("input", () => this.set("q", this.search.value));
    form.elements.sort.addEventListener("change", (event) => this.sort(event.target.value));
  }

  /** Show another view, such as the address's. */
  adopt(view) {
    this.view = view;
    this.draw();
  }

  sort(name) {
    sortBy(this.view, name);
    this.changed();
  }

  clear() {
    const { sort, falling } = this.view;
    this.view = { ...plainView(this.timeframes), sort, falling };
    this.changed();
  }

  set(name, value) {
    this.view[name] = value;
    this.changed();
  }

  press(button) {
    const { name, value, id } = button ?? {};
    if (id === "turn") this.set("falling", !this.view.falling);
    if (name === "direction") this.toggle(this.view.directions, value);
    if (name === "timeframe") this.toggleTimeframe(value);
    if (["open", "strong", "hide"].includes(name)) this.set(name, !this.view[name]);
  }

  toggle(chosen, value) {
    if (!chosen.delete(value)) chosen.add(value);
    this.changed();
  }

  // One stays: a matrix of no columns would say nothing.
  toggleTimeframe(value) {
    const shown = this.view.timeframes;
    if (shown.size === 1 && shown.has(value)) return;
    const wanted = new Set(shown);
    if (!wanted.delete(value)) wanted.add(value);
    this.set("timeframes", new Set(this.timeframes.filter((each) => wanted.has(each))));
  }

  changed() {
    this.draw();
    this.onChange();
  }

  draw() {
    const { view } = this;
    if (this.search.value !== view.q) this.search.value = view.q;
    this.form.elements.sort.value = view.sort;
    for (const button of this.form.querySelectorAll("button[aria-pressed]")) {
      button.setAttribute("aria-pressed", String(this.pressed(button)));
    }
    this.form.elements.turn.textContent = view.falling ? "↓" : "↑";
    this.form.elements.turn.title = view.falling ? "Most first; press to turn" : "Least first; press to turn";
    this.clearing.hidden = !filters(view, this.timeframes);
  }

  pressed({ name, value }) {
    if (name === "direction") return this.view.directions.has(value);
    if (name === "timeframe") return this.view.timeframes.has(value);
    return this.view[name];
  }
}
