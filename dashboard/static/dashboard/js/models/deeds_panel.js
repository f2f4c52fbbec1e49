// What was done to a slot: by whom and why, the newest first.

import { made } from "../shell/elements.js";
import { timeElement } from "../shell/times.js";
import { DEEDS, figure } from "./slot_words.js";

const AT_FIRST = 8;

export function deeds(told) {
  if (!told.length) return [made("p", "note", "Nothing was promoted, rolled back or frozen yet.")];
  const list = made("ol", "deeds");
  list.append(...told.slice(0, AT_FIRST).map(item));
  if (told.length <= AT_FIRST) return [list];
  const rest = made("details", "fold");
  const more = made("ol", "deeds");
  more.append(...told.slice(AT_FIRST).map(item));
  rest.append(made("summary", "", `${told.length - AT_FIRST} earlier`), more);
  return [list, rest];
}

function item({ action, version, before, by, why, figures, done_at: at }) {
  const [mark, words] = DEEDS[action] ?? ["–", action];
  const element = made("li");
  element.dataset.action = action;
  const sign = made("span", "sign", mark);
  sign.setAttribute("aria-hidden", "true");
  const head = made("p");
  head.append(timeElement(Date.parse(at), "dateMinute"), ` ${words} `);
  if (version) head.append(made("code", "", version));
  // What was tried, rejected or frozen took nobody's place.
  const replaced = ["promote", "rollback"].includes(action) && before && before !== version;
  if (replaced) head.append(" in place of ", made("code", "", before));
  element.append(sign, head, made("p", "muted", `By ${by}: ${why}`));
  const known = Object.entries(figures).filter(([, value]) => typeof value === "number");
  const figured = known.map(([name, value]) => `${name.replaceAll("_", " ")}: ${figure(value)}`).join("; ");
  if (figured) element.append(made("p", "muted", figured));
  return element;
}
