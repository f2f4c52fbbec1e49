// The table beside a chart: the same numbers for screen readers, for copying, for the doubting.
// Markup: <details class="twin"><summary>Table</summary></details>; the rest is made here.

import { copy } from "./copying.js";

export class TableTwin {
  /** caption: what the table holds. columns: [{name, title?}]; the first names the row. */
  constructor(details, caption, columns) {
    this.columns = columns;
    this.table = document.createElement("table");
    const heading = this.table.createCaption();
    heading.textContent = caption;
    heading.className = "visually-hidden";
    this.table.createTHead().append(rowOf(columns.map((each) => headCell(each))));
    this.body = this.table.createTBody();
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy table";
    button.addEventListener("click", () => copy(button, this.text()));
    const frame = document.createElement("div");
    frame.className = "twin-frame";
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", caption);
    frame.append(this.table);
    details.replaceChildren(details.querySelector("summary"), frame, button);
  }

  /** rows: lists of text, one text a column. */
  show(rows) {
    const key = JSON.stringify(rows);
    if (key === this.key) return;
    this.key = key;
    this.body.replaceChildren(...rows.map((row) => rowOf(row.map(bodyCell))));
  }

  // Tab-separated, as spreadsheets take it.
  text() {
    return [...this.table.rows]
      .map((row) => [...row.cells].map((cell) => cell.textContent.trim()).join("\t"))
      .join("\n");
  }
}

function rowOf(cells) {
  const row = document.createElement("tr");
  row.append(...cells);
  return row;
}

function headCell({ name, title }) {
  const cell = document.createElement("th");
  cell.scope = "col";
  cell.textContent = name;
  if (title) cell.title = title;
  return cell;
}

function bodyCell(text, index) {
  const cell = document.createElement(index === 0 ? "th" : "td");
  if (index === 0) cell.scope = "row";
  cell.textContent = text;
  return cell;
}
