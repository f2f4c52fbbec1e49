// Tells of a strong signal while the reader looks elsewhere: by desktop notification, sound, or in
// words for screen readers, each only where it was asked for in the settings.

import { announcement, nameOf } from "./announcement.js";
import { chime, readyToChime } from "./chime.js";
import { claim } from "./one_tab.js";
import { onPreference, preference, remember } from "./preferences.js";
import { StrongNews } from "./strong_news.js";

const WAYS = ["notify", "sound", "speak"];
const SIGNALS_PAGE = "/signals";
const SAID_MS = 8_000;

export class Announcer {
  constructor(shell) {
    this.shell = shell;
    this.news = new StrongNews();
    this.form = document.getElementById("announcing");
    if (this.form === null) return;
    this.say = document.getElementById("announce-say");
    this.region = liveRegion();
    for (const way of WAYS) this.offer(way);
    document.getElementById("announce-test").addEventListener("click", () => this.test());
    readyToChime();
    if (this.chosen("notify") && refusal() !== null) this.tell(refusal());
  }

  apply(frame) {
    const news = this.news.of(frame, this.shell.clock.now());
    if (news.length && WAYS.some((way) => this.wants(way))) this.announce(news);
  }

  async announce(news) {
    const now = this.shell.clock.now();
    // Each tab has a reader of its own; notification and sound are the whole desktop's.
    if (this.wants("speak")) this.speak(announcement(news, now).spoken);
    if (!this.wants("notify") && !this.wants("sound")) return;
    const fresh = new Set(await claim(news.map(nameOf)));
    const untold = news.filter((signal) => fresh.has(nameOf(signal)));
    if (untold.length === 0) return;
    if (this.wants("sound")) chime();
    if (this.wants("notify")) notify(announcement(untold, now));
  }

  // A box is ticked only where what it says happens: the browser may have withdrawn its permission.
  wants(way) {
    return this.chosen(way) && (way !== "notify" || refusal() === null);
  }

  chosen(way) {
    return preference(`announce.${way}`, "off") === "on";
  }

  offer(way) {
    const box = this.form.querySelector(`[name="${way}"]`);
    box.checked = this.wants(way);
    onPreference(`announce.${way}`, () => (box.checked = this.wants(way)));
    box.addEventListener("change", () => this.choose(way, box));
  }

  async choose(way, box) {
    this.tell("");
    if (way === "notify" && box.checked && !(await this.permitted())) {
      box.checked = false;
      return;
    }
    remember(`announce.${way}`, box.checked ? "on" : "off");
  }

  // The browser asks only here, when somebody has ticked the box.
  async permitted() {
    if ("Notification" in window && Notification.permission === "default") await Notification.requestPermission();
    this.tell(refusal() ?? "");
    return refusal() === null;
  }

  async test() {
    const ways = WAYS.filter((way) => this.wants(way));
    if (ways.length === 0) return this.tell("Choose a way first.");
    const told = { title: "Test · cryptosite", body: "A strong signal would be told like this.", tag: "cryptosite/test", hash: "" };
    const failed = [];
    if (this.wants("notify") && !notify(told)) failed.push("This browser shows no notifications.");
    if (this.wants("sound") && !(await chime())) failed.push("This browser plays no sound here.");
    if (this.wants("speak")) this.speak("Test: a strong signal would be told like this.");
    this.tell(failed.join(" ") || "Told.");
  }

  speak(text) {
    this.region.textContent = text;
    clearTimeout(this.timer);
    // Left in the page it would be read out again by whoever walks through it.
    this.timer = setTimeout(() => (this.region.textContent = ""), SAID_MS);
  }

  tell(text) {
    this.say.textContent = text;
  }
}

/** Why the browser would show no notification, in words; null where it would. */
function refusal() {
  if (!("Notification" in window)) return "This browser shows notifications only over HTTPS or on the server's own computer.";
  if (Notification.permission === "granted") return null;
  if (Notification.permission === "denied") return "The browser refuses: allow notifications of this site in its own settings.";
  return "Not ticked: the browser has not been allowed to notify. Tick it to be asked again.";
}

function notify({ title, body, tag, hash }) {
  try {
    const shown = new Notification(title, { body, tag });
    shown.addEventListener("click", () => {
      window.focus();
      shown.close();
      if (!hash) return;
      if (location.pathname === SIGNALS_PAGE) location.hash = hash;
      else location.assign(SIGNALS_PAGE + hash);
    });
    return true;
  } catch {
    return false; // Chrome on Android has only those of service workers.
  }
}

// It stands outside of the settings: what is folded away is not read out.
function liveRegion() {
  const region = document.createElement("p");
  region.className = "visually-hidden";
  region.setAttribute("aria-live", "polite");
  region.dataset.testid = "announced";
  document.body.append(region);
  return region;
}
