// Writes text into a page's elements. They are found once; text that has not changed is not
// written.

export class PageText {
  constructor() {
    this.elements = new Map();
  }

  element(id) {
    if (!this.elements.has(id)) this.elements.set(id, document.getElementById(id));
    return this.elements.get(id);
  }

  write(id, text, state) {
    writeText(this.element(id), text, state);
  }
}

export function writeText(element, text, state) {
  if (element.textContent !== text) element.textContent = text;
  if (state !== undefined && element.dataset.state !== state) element.dataset.state = state;
}
