// What every page does with its socket: frames go into its state, and the page is drawn once for
// all that come together.

import { LiveSocket } from "./socket.js";

export class LivePage {
  constructor(path, state, draw) {
    this.connection = { state: "connecting", attempt: 0 };
    this.draw = draw;
    this.drawing = false;
    this.socket = new LiveSocket(
      path,
      (frame) => {
        state.apply(frame);
        this.redraw();
      },
      (status) => {
        this.connection = status;
        this.redraw();
      },
    );
  }

  open() {
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
}
