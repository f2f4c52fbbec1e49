// Files that are not served, each with its code and what is wrong with it.

import { made } from "../shell/elements.js";

const BY = { inference: "the forecast loop", signals: "the signal loop", files: "the files themselves" };

export function showRefused(refused) {
  document.getElementById("refused").hidden = refused.length === 0;
  const rows = refused.map(({ path, code, message, by }) => {
    const row = made("li");
    const tag = made("span", "tag", code);
    tag.dataset.kind = "bad";
    row.append(tag, " ", made("code", "", path), made("p", "", message.replace(`${path}: `, "")), made("p", "muted", `Told by ${BY[by] ?? by}.`));
    return row;
  });
  document.getElementById("refused-list").replaceChildren(...rows);
}
