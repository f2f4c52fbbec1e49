// Moving about the matrix by keyboard. One element is in the tab order; arrow keys move it, also up
// into the heads and left onto a coin's name.

const STEPS = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10 };
const STOPS = "thead button, tbody a, tbody button";

export class Walking {
  constructor(table) {
    this.table = table;
    this.stand(table.querySelector("tbody button"));
    table.addEventListener("keydown", (event) => this.walk(event));
    table.addEventListener("focusin", (event) => event.target.matches(STOPS) && this.stand(event.target));
  }

  /** Put that element into the tab order, and no other. */
  stand(stop) {
    this.current?.setAttribute("tabindex", "-1");
    this.current = stop;
    stop.setAttribute("tabindex", "0");
  }

  /** After rows have come or gone: stand on one that is there. */
  settle() {
    // Asking what is visible costs a layout; what is not hidden was.
    if (!this.current.closest("tr").hidden && !this.current.closest("th, td").hidden) return;
    const [heads, first] = this.lines();
    const stop = first?.[1] ?? heads?.[0];
    if (stop) this.stand(stop);
  }

  focus() {
    this.current.focus();
  }

  /** Focus the first shown row's first cell; whether there is one. */
  enter() {
    const first = this.lines()[1];
    first?.[1].focus();
    return first !== undefined;
  }

  walk(event) {
    if (event.altKey || event.metaKey || event.shiftKey || !event.target.matches(STOPS)) return;
    const next = this.next(event.key, event.ctrlKey);
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  next(key, ctrl) {
    const lines = this.lines();
    const at = lines.findIndex((line) => line.includes(this.current));
    if (at < 0) return null;
    const column = lines[at].indexOf(this.current);
    if (ctrl) return this.far(key, lines, this.current);
    if (key === "ArrowLeft" || key === "ArrowRight") {
      return lines[at][clamp(column + (key === "ArrowRight" ? 1 : -1), 0, lines[at].length - 1)];
    }
    if (key === "Home") return lines[at][0];
    if (key === "End") return lines[at].at(-1);
    if (!(key in STEPS)) return null;
    // A page's step stays among the rows; only an arrow goes up into the heads.
    const top = key === "ArrowUp" ? 0 : Math.min(1, lines.length - 1);
    return below(lines[clamp(at + STEPS[key], top, lines.length - 1)], this.current);
  }

  far(key, lines, current) {
    if (key !== "Home" && key !== "End") return null;
    return below(key === "Home" ? (lines[1] ?? lines[0]) : lines.at(-1), current);
  }

  // The heads and each row that is shown, each a list of what can be focused in it.
  lines() {
    const rows = [...this.table.rows].filter((row) => !row.hidden);
    return rows.map((row) => [...row.querySelectorAll("button, a")].filter(visible));
  }
}

// Of a line what stands in the same column, else nearest to it on the left.
function below(line, current) {
  const column = current.closest("th, td").cellIndex;
  const left = line.filter((each) => each.closest("th, td").cellIndex <= column);
  return left.at(-1) ?? line[0];
}

function visible(element) {
  return element.getClientRects().length > 0;
}

function clamp(index, low, high) {
  return Math.max(low, Math.min(high, index));
}
