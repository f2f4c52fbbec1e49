// The states of a panel. Markup: an element with `data-panel="loading"`; what it shows lies in
// `.panel-body`, what it has to say in `.panel-say`, which is made where it is missing. A stale
// panel keeps what it shows; so does a failed one that has shown something before.

export class Panel {
  constructor(element) {
    this.element = element;
    this.body = element.querySelector(".panel-body");
    this.say = element.querySelector(".panel-say") ?? this.saying();
    this.shown = false;
  }

  loading() {
    this.set(this.shown ? "ready" : "loading", this.shown ? "" : "Loading…");
  }

  ready() {
    this.shown = true;
    this.set("ready", "");
  }

  /** Nothing to show yet, and why. */
  empty(sentence) {
    this.shown = false;
    this.set("empty", sentence);
  }

  stale(sentence) {
    this.set("stale", sentence);
  }

  /** refusal: of asking.js. again: called when the reader asks to try again. */
  failed(refusal, again) {
    if (refusal.denied) {
      this.shown = false;
      this.set("denied", "You are not logged in, or may not see this.", ["Log in", logIn]);
      return;
    }
    this.set(this.shown ? "stale" : "error", sentenceOf(refusal), again ? ["Try again", again] : null);
  }

  set(state, sentence, action = null) {
    if (this.element.dataset.panel !== state) this.element.dataset.panel = state;
    const key = `${sentence}|${action?.[0] ?? ""}`;
    if (this.key === key) return;
    this.key = key;
    this.say.replaceChildren(sentence);
    this.say.hidden = sentence === "";
    if (action) this.say.append(" ", button(...action));
  }

  saying() {
    const say = document.createElement("p");
    say.className = "panel-say";
    say.setAttribute("role", "status");
    this.element.append(say);
    return say;
  }
}

function sentenceOf({ message }) {
  const sentence = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
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
