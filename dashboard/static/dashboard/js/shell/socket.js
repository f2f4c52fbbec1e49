// A WebSocket that comes back by itself. Tells `onFrame` each frame and `onStatus` each change:
// {state: "connecting" | "open" | "waiting" | "refused", attempt, retryAt}.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
// The server says something at least every two seconds; silence means a dead connection.
const SILENCE_MS = 8_000;
const UNKNOWN_SYMBOL = 4404;

export class LiveSocket {
  constructor(path, onFrame, onStatus) {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.url = new URL(`${scheme}//${location.host}${path}`);
    this.onFrame = onFrame;
    this.onStatus = onStatus;
    this.attempt = 0;
    this.heardAt = performance.now();
    setInterval(() => this.checkSilence(), 1_000);
    // A phone that wakes up should not sit out a wait that began before it slept.
    addEventListener("online", () => this.hurry());
    addEventListener("visibilitychange", () => document.hidden || this.hurry());
  }

  open() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.heardAt = performance.now();
    this.onStatus({ state: "connecting", attempt: this.attempt });
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.addEventListener("message", (event) => this.receive(socket, event));
    socket.addEventListener("close", (event) => this.closed(socket, event));
  }

  /** Ask for one symbol's market as well: its book, trades and last minutes. */
  watch(symbol) {
    if (this.url.searchParams.get("watch") === symbol) return;
    this.url.searchParams.set("watch", symbol);
    this.say({ type: "watch", symbol });
  }

  /** Send where the socket is open; a new connection says what must be said by its address. */
  say(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  receive(socket, event) {
    if (socket !== this.socket) return;
    this.heardAt = performance.now();
    const frame = JSON.parse(event.data);
    if (frame.type === "snapshot") {
      this.attempt = 0;
      this.onStatus({ state: "open", attempt: 0 });
    }
    this.onFrame(frame);
    if (frame.type === "prediction") this.say({ type: "ack", seq: frame.data.seq });
    if (frame.type === "predictions") this.say({ type: "ack", seq: frame.seq });
  }

  closed(socket, event) {
    if (socket !== this.socket) return;
    this.socket = undefined;
    if (event.code === UNKNOWN_SYMBOL) {
      this.onStatus({ state: "refused", attempt: this.attempt });
      return;
    }
    const step = Math.min(FIRST_WAIT_MS * 2 ** this.attempt, LONGEST_WAIT_MS);
    const wait = step * (0.5 + Math.random() / 2);
    this.attempt += 1;
    this.timer = setTimeout(() => this.open(), wait);
    const retryAt = performance.now() + wait;
    this.onStatus({ state: "waiting", attempt: this.attempt, retryAt });
  }

  checkSilence() {
    if (!this.socket || performance.now() - this.heardAt < SILENCE_MS) return;
    const silent = this.socket;
    silent.close();
    // A dead connection's own close event may take minutes.
    this.closed(silent, { code: 1006 });
  }

  hurry() {
    if (this.timer !== undefined) this.open();
  }
}
