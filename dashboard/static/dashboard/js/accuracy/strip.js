// A figure's interval as a strip: a bar from its lower to its upper end, a dot for its value, a
// tick for the baseline. What it shows stands beside it in words.

import { made } from "../shell/elements.js";

const MARGIN = 0.15;

export function strip(figure) {
  const element = made("div", "strip");
  element.setAttribute("aria-hidden", "true");
  const ends = [figure?.lower, figure?.upper, figure?.value, figure?.baseline].filter((each) => each != null);
  if (figure?.value == null || figure.lower == null || ends.length < 2) {
    element.classList.add("unknown");
    return element;
  }
  const low = Math.min(...ends);
  const span = Math.max(...ends) - low || 1;
  const place = (value) => `${((value - low) / span) * 100 * (1 - 2 * MARGIN) + MARGIN * 100}%`;
  const bar = made("span", "strip-bar");
  bar.style.left = place(figure.lower);
  bar.style.right = `calc(100% - ${place(figure.upper)})`;
  const dot = made("span", "strip-dot");
  dot.style.left = place(figure.value);
  element.append(bar, dot);
  if (figure.baseline != null) {
    const tick = made("span", "strip-base");
    tick.style.left = place(figure.baseline);
    element.append(tick);
  }
  return element;
}
