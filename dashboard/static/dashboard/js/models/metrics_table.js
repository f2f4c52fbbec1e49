// The figures of one part of the protocol, a row a model: the served one beside its baselines.

import { made } from "../shell/elements.js";
import { UNKNOWN, count, fixed } from "../shell/formats.js";
import { WORDS } from "./verdicts.js";

const SHARES = new Set(["hit_rate", "coverage", "accuracy", "direction_given_touch", "top_decile_direction", "log_loss_skill", "touch_skill"]);

export class MetricsTable {
  constructor(model) {
    this.model = model;
    this.element = made("div", "metrics");
    this.frame = made("div", "scroll");
    this.frame.tabIndex = 0;
    this.frame.setAttribute("role", "region");
    this.frame.setAttribute("aria-label", `Figures beside the baselines, ${model.version}`);
    const parts = model.metrics.filter((part) => part.rows.length);
    if (!parts.length) {
      this.element.append(made("p", "note", "No figures: nothing was measured of it."));
      return;
    }
    const choices = made("div", "choices");
    choices.setAttribute("role", "group");
    choices.setAttribute("aria-label", "Part of the protocol");
    for (const part of parts) choices.append(this.choice(part, choices));
    this.element.append(choices, this.frame);
    choices.firstChild.click();
  }

  choice(part, choices) {
    const button = made("button", "", part.title);
    button.type = "button";
    button.addEventListener("click", () => {
      for (const each of choices.children) each.setAttribute("aria-pressed", String(each === button));
      this.show(part);
    });
    return button;
  }

  show(part) {
    const table = made("table");
    const head = made("tr");
    head.append(cell("th", "Model", "col"), cell("th", "n", "col"));
    for (const column of this.model.columns) {
      const name = cell("th", column.title, "col");
      if (column.against) name.append(made("span", "against", `vs ${column.against}`));
      head.append(name);
    }
    table.createTHead().append(head);
    const body = table.createTBody();
    for (const row of part.rows) body.append(this.row(row));
    this.frame.replaceChildren(table);
  }

  row({ name, served, n, figures }) {
    const row = made("tr", served ? "served-row" : "");
    const head = cell("th", name, "row");
    if (served) head.append(" ", made("span", "tag", "served"));
    row.append(head, cell("td", count(n)));
    for (const column of this.model.columns) row.append(figureCell(column, figures[column.name], served));
    return row;
  }
}

function cell(tag, text, scope = "") {
  const element = made(tag, "", text);
  if (scope) element.scope = scope;
  return element;
}

function figureCell(column, figure, served) {
  const element = made("td");
  if (!figure || figure.value === null) {
    element.textContent = UNKNOWN;
    return element;
  }
  const digits = SHARES.has(column.name) ? (value) => `${fixed(value * 100, 2)} %` : (value) => fixed(value, 3);
  if (served && figure.verdict) {
    const [mark, words, className] = WORDS[figure.verdict];
    const sign = made("span", `sign ${className}`, mark);
    sign.title = `${words} ${column.against}`;
    sign.setAttribute("aria-hidden", "true");
    element.append(sign, made("span", "visually-hidden", `${words} ${column.against}: `), " ");
  }
  element.append(digits(figure.value));
  if (figure.lower !== null && figure.upper !== null) {
    const ends = SHARES.has(column.name) ? [figure.lower * 100, figure.upper * 100].map((each) => fixed(each, 2)) : [figure.lower, figure.upper].map((each) => fixed(each, 3));
    element.append(made("span", "ends", `${ends[0]} … ${ends[1]}`));
    element.title = `95 % interval${figure.n_eff === null ? "" : `, n_eff ${count(figure.n_eff)}`}`;
  }
  return element;
}
