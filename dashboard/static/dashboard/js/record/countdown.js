// What is left until a signal can be entered no more, or until an outcome can be known; in market
// time, and only while the prediction's own market runs.

import { countdown } from "../shell/formats.js";

export class Countdown {
  /** over(): called once when the time has come, and again for the next time. */
  constructor(clock, page, over) {
    this.clock = clock;
    this.page = page;
    this.over = over;
    this.told = null;
  }

  draw(venue) {
    const element = document.getElementById("countdown");
    const { untilMs, live } = this.page;
    if (element === null || untilMs === null) return;
    const now = live ? Date.now() : this.clock.now();
    const own = live || venue === this.page.venue;
    const text = own && now !== null ? `(${countdown(untilMs - now)})` : "";
    if (element.textContent !== text) element.textContent = text;
    if (own && now !== null && now >= untilMs && this.told !== untilMs) {
      this.told = untilMs;
      this.over();
    }
  }
}
