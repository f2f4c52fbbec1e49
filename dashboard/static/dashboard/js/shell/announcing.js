// Tells of a strong signal while the reader looks elsewhere.

export class Announcer {
  constructor(shell) {
    this.shell = shell;
  }

  apply(_frame) {}
}
