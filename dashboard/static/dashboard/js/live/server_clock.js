// How far the server's clock is from this browser's, by ping and pong. The answer with the
// shortest way there and back of the last few is the best: half of it may be wrong at most.

const KEPT = 8;
const FIRST_PINGS = 3;
const EVERY_MS = 5_000;

export class ServerClock {
  /** say(message): sends to the server. */
  constructor(say) {
    this.say = say;
    this.answers = [];
    setInterval(() => this.ping(), EVERY_MS);
  }

  apply(frame) {
    if (frame.type === "pong") this.take(frame);
    if (frame.type === "snapshot") {
      // A new connection may lead to another computer.
      this.answers = [];
      for (let count = 0; count < FIRST_PINGS; count += 1) this.ping();
    }
  }

  ping() {
    this.say({ type: "ping", t: performance.now() });
  }

  take({ t, server_ms: serverMs }) {
    const now = performance.now();
    const way = now - t;
    this.answers.push({ way, offset: serverMs - (t + way / 2) });
    if (this.answers.length > KEPT) this.answers.shift();
    this.best = this.answers.reduce((best, each) => (each.way < best.way ? each : best));
  }

  /** What the server's clock says at performance.now() = at, in ms; null before any answer. */
  at(at) {
    return this.answers.length ? at + this.best.offset : null;
  }

  /** By how much that may be wrong, in ms. */
  get uncertainty() {
    return this.answers.length ? this.best.way / 2 : null;
  }
}
