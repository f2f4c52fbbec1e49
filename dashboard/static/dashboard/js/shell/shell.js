// What every page has: one WebSocket, the head with its banner, notice and clock, settings.
// Frames go into the states that follow; the page is drawn once for all that come together.

import { Announcer } from "./announcing.js";
import { makeCopyable } from "./copying.js";
import { MarketClock } from "./market_clock.js";
import { PageHead, outage } from "./page_head.js";
import { PageText } from "./page_text.js";
import { onPreference } from "./preferences.js";
import { openSettings } from "./settings.js";
import { LiveSocket } from "./socket.js";
import { adoptTimes } from "./times.js";

const PATH = "/ws/predictions/";
const REDRAW_MS = 500;

export class Shell {
  /** watch: a symbol whose book, trades and five minutes are wanted as well. */
  constructor({ path = PATH, watch = null } = {}) {
    this.text = new PageText();
    this.head = new PageHead(this.text);
    this.clock = new MarketClock();
    this.announcer = new Announcer(this);
    this.venue = null;
    this.live = null;
    this.heard = false; // whether a snapshot has told of a market
    this.connection = { state: "connecting", attempt: 0 };
    this.states = [];
    this.draws = [];
    this.drawing = false;
    this.ownProblem = () => null;
    this.socket = new LiveSocket(
      path,
      (frame) => this.take(frame),
      (status) => {
        this.connection = status;
        this.redraw();
      },
    );
    if (watch) this.socket.watch(watch);
  }

  /** Hand every frame to `state.apply(frame)`, in the order of following. */
  follow(state) {
    this.states.push(state);
    return state;
  }

  /** Call back at most once a frame, when something has changed or half a second has passed. */
  onDraw(draw) {
    this.draws.push(draw);
  }

  /** sentence(): what is wrong on this page, or null; asked where nothing worse is known. */
  onProblem(sentence) {
    this.ownProblem = sentence;
  }

  start() {
    openSettings();
    makeCopyable();
    adoptTimes();
    onPreference("zone", () => this.redraw());
    setInterval(() => this.redraw(), REDRAW_MS);
    this.socket.open();
  }

  redraw() {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.draw();
    });
  }

  take(frame) {
    if (frame.type === "snapshot") this.takeSnapshot(frame.data);
    if (frame.type === "health") this.takeHealth(frame.data);
    for (const state of this.states) state.apply(frame);
    this.announcer.apply(frame);
    this.redraw();
  }

  takeSnapshot(data) {
    if (data.venue !== null) {
      this.heard = true;
      this.venue = data.venue;
      this.live = data.live;
    }
    this.takeHealth(data.health);
  }

  takeHealth(health) {
    this.clock.take(health);
    if (health.venue === null) return;
    this.venue = health.venue;
    this.live = health.live;
  }

  draw() {
    this.head.renderConnection(this.connection);
    this.head.renderBanner(this.venue, this.live);
    this.head.renderVenue(this.venue, this.live, this.clock.health?.outage ?? null);
    this.head.renderClock(this.clock.now());
    const out = outage(this.connection, this.clock.health, this.heard);
    const waits = this.connection.state !== "open";
    this.head.renderNotice(out ?? (waits ? null : this.ownProblem()));
    for (const draw of this.draws) draw();
  }
}
