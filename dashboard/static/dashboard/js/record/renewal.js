// Asks the server for this page again and puts in the parts that differ, so that whatever was not
// known when it was loaded appears by itself, in the very words of a reload.

const SOON_MS = 2_500;
const PATIENCE_MS = 15_000; // between questions, while something may be there at any moment
const LEAST_MS = 1_000;

export class Renewal {
  /** dress(root): makes new parts the reader's own. renewed(page): takes the new page's data. */
  constructor(page, dress, renewed) {
    this.page = page;
    this.dress = dress;
    this.renewed = renewed;
    this.asking = false;
    this.again = false;
    this.askedAt = 0;
    this.parts = sources(document);
    setInterval(() => this.awaited() && this.now(), PATIENCE_MS);
  }

  awaited() {
    if (document.hidden) return false;
    return this.page.due || document.querySelector('[data-signed="no"]') !== null;
  }

  soon(waitMs = SOON_MS) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now(), waitMs);
  }

  async now() {
    if (this.asking) {
      this.again = true;
      return;
    }
    this.asking = true;
    try {
      await this.renew();
    } catch {
      // The head says that the server is away; the next frame or round asks again.
    } finally {
      this.asking = false;
    }
    if (!this.again) return;
    this.again = false;
    setTimeout(() => this.now(), LEAST_MS);
  }

  async renew() {
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const data = fresh.getElementById("page");
    if (data === null) return;
    for (const [name, source] of sources(fresh)) {
      if (this.parts.get(name) === source) continue;
      this.parts.set(name, source);
      this.replace(name, fresh);
    }
    this.page = JSON.parse(data.textContent);
    this.renewed(this.page);
  }

  replace(name, fresh) {
    const old = part(document, name);
    const renewed = document.adoptNode(part(fresh, name));
    keepOpen(old, renewed);
    const focused = old.contains(document.activeElement) ? place(old, document.activeElement) : null;
    old.replaceWith(renewed);
    this.dress(renewed);
    if (focused !== null) find(renewed, focused)?.focus();
  }
}

const FOCUSABLE = "a, button, summary, [tabindex]";

function sources(root) {
  const found = [...root.querySelectorAll("[data-part]")];
  return new Map(found.map((each) => [each.dataset.part, each.outerHTML]));
}

function part(root, name) {
  return root.querySelector(`[data-part="${name}"]`);
}

function keepOpen(old, renewed) {
  const opened = [...old.querySelectorAll("details")].map((each) => each.open);
  for (const [index, each] of [...renewed.querySelectorAll("details")].entries()) {
    each.open = opened[index] ?? false;
  }
}

function place(root, element) {
  return [...root.querySelectorAll(FOCUSABLE)].indexOf(element);
}

function find(root, index) {
  return [...root.querySelectorAll(FOCUSABLE)][index];
}
