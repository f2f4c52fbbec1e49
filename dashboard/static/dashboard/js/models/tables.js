// Tables that scroll within their panel where the page is narrow.

import { made } from "../shell/elements.js";

/** heads: texts. rows: lists of cells, each text, an element, or {content, className, title}. */
export function table(label, heads, rows, className = "") {
  const frame = made("div", "scroll");
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", label);
  const element = made("table", className);
  const head = made("tr");
  const classes = (rows[0] ?? []).map((each) => each.className ?? "");
  head.append(...heads.map((text, index) => headCell(text, classes[index])));
  element.createTHead().append(head);
  element.createTBody().append(...rows.map(row));
  frame.append(element);
  return frame;
}

export function tag(text, kind = "") {
  const element = made("span", kind === "good" ? "tag good" : "tag", text);
  if (kind && kind !== "good") element.dataset.kind = kind;
  return element;
}

/** A mark that eyes see and words that a screen reader says in its place. */
export function marked(mark, words, className) {
  const element = made("span", className);
  const sign = made("span", "sign", mark);
  sign.setAttribute("aria-hidden", "true");
  element.append(sign, made("span", "visually-hidden", words));
  return element;
}

// Over its column: at the left where that holds words.
function headCell(text, className) {
  const element = made("th", className === "text" ? className : "", text);
  element.scope = "col";
  return element;
}

function row(cells) {
  const element = made("tr");
  element.append(...cells.map(cell));
  return element;
}

function cell(content, index) {
  const element = made(index === 0 ? "th" : "td");
  if (index === 0) element.scope = "row";
  if (content instanceof Node || typeof content === "string") {
    element.append(content);
    return element;
  }
  const { content: inner, className = "", title = "" } = content;
  element.className = className;
  if (title) element.title = title;
  element.append(inner);
  return element;
}
