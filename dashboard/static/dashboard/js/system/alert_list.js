// What is wrong, the worst first; a line is made anew only where it changed.

import { made } from "../shell/elements.js";

const MARKS = { critical: "✕", warning: "▲", info: "●" };

export class AlertList {
  constructor(list, allWell) {
    this.list = list;
    this.allWell = allWell;
    this.key = null;
  }

  show(alerts) {
    const key = JSON.stringify(alerts);
    if (key === this.key) return;
    this.key = key;
    this.allWell.hidden = alerts.length > 0;
    this.list.replaceChildren(...alerts.map(line));
  }
}

function line({ code, severity, subject, message, action }) {
  const item = made("li");
  item.dataset.severity = severity;
  item.dataset.testid = `alert-${code}`;
  const mark = made("span", "sign", MARKS[severity] ?? "●");
  mark.setAttribute("aria-hidden", "true");
  const words = made("div");
  const head = made("p", "alert-head");
  head.append(made("span", "visually-hidden", `${severity}: `), made("strong", "", message));
  words.append(head);
  if (action) words.append(made("p", "muted", action));
  item.append(mark, words, made("span", "tag", subject));
  item.title = code;
  return item;
}
