// What the served model was shown to beat, a line each: mark, figure, words.

import { made } from "../shell/elements.js";

export const WORDS = {
  beats: ["▲", "beats", "good"],
  not_shown: ["○", "not shown to beat", "muted"],
  worse: ["▼", "worse than", "down"],
};

export function verdicts(model) {
  const list = made("ul", "verdicts");
  list.dataset.testid = "verdicts";
  list.append(
    ...model.verdicts.map(({ title, against, verdict }) => {
      const [mark, words, className] = WORDS[verdict] ?? ["–", "not compared with", "muted"];
      const item = made("li", className);
      item.dataset.verdict = verdict ?? "unknown";
      const sign = made("span", "sign", mark);
      sign.setAttribute("aria-hidden", "true");
      item.append(sign, " ", made("strong", "", title), ` ${words} ${against}`);
      return item;
    }),
  );
  const rule = "▲ needs the whole 95 % interval beyond the baseline in every part below";
  list.append(made("li", "muted rule", rule));
  return list;
}
