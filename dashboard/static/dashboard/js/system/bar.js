// A bar of how much of what is allowed is used. label says the same in words.

import { made } from "../shell/elements.js";

export function bar(share, label, bound) {
  const frame = made("span", "meter");
  frame.setAttribute("role", "img");
  frame.setAttribute("aria-label", label);
  frame.title = label;
  const fill = made("span", "meter-fill");
  fill.style.width = `${Math.min(100, Math.max(0, share * 100))}%`;
  frame.dataset.over = String(share > bound);
  frame.append(fill);
  return frame;
}
