// The states of a panel. Markup: an element with `data-panel="loading"`; what it shows lies in
// `.panel-body`, what it has to say in `.panel-say`, which is made where it is missing. A stale
// panel keeps what it shows; so does a failed one that has shown something before.

import { Refusal } from "./asking.js";
import { sentence } from "./sentences.js";

const OWN_FAULT = "This part of the page has failed; the browser's console says why.";

export class Panel {
  constructor(element) {
    this.element = element;
    this.body = element.querySelector(".panel-body");
    this.say = element.querySelector(".panel-say") ?? this.saying();
    this.shown = element.dataset.panel === "ready"; // as the server sent it
  }

  loading() {
    this.set(this.shown ? "ready" : "loading", this.shown ? "" : "Loading…");
  }

  ready() {
    this.shown = true;
    this.set("ready", "");
  }

  /** Nothing to show yet, and why. */
  empty(why) {
    this.shown = false;
    this.set("empty", why);
  }

  stale(why) {
    this.set("stale", why);
  }

  /** refusal: of asking.js. again: called when the reader asks to try again. */
  failed(refusal, again) {
    const ownFault = refusal instanceof Error && !(refusal instanceof Refusal);
    if (ownFault) console.error(refusal);
    const told = ownFault ? OWN_FAULT : sentence(refusal.message);
    if (refusal.denied) {
      this.shown = false;
      this.set("denied", "You are not logged in, or may not see this.", ["Log in", logIn]);
      return;
    }
    this.set(this.shown ? "stale" : "error", told, again ? ["Try again", again] : null);
  }

  set(state, told, action = null) {
    if (this.element.dataset.panel !== state) this.element.dataset.panel = state;
    const key = `${told}|${action?.[0] ?? ""}`;
    if (this.key === key) return;
    this.key = key;
    const pressed = this.say.contains(document.activeElement);
    this.say.replaceChildren(told);
    this.say.hidden = told === "";
    if (action) this.say.append(" ", button(...action));
    if (pressed) this.keepFocus();
  }

  // The button that was pressed is gone; who came to it by keyboard goes on from its panel.
  keepFocus() {
    this.element.tabIndex = -1;
    this.element.focus({ preventScroll: true });
  }

  saying() {
    const say = document.createElement("p");
    say.className = "panel-say";
    say.setAttribute("role", "status");
    this.element.append(say);
    return say;
  }
}

function button(label, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = label;
  element.addEventListener("click", act);
  return element;
}

function logIn() {
  const next = location.pathname + location.search;
  location.assign(`/admin/login/?${new URLSearchParams({ next })}`);
}
