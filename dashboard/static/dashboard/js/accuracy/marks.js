// What several charts draw: whiskers for intervals, a line for the baseline, a frame.

import { axis } from "../shell/charts.js";

export { axis };

export function grid(beside = {}) {
  return { left: 52, right: 14, top: 14, bottom: 40, ...beside };
}

/** A series of whiskers. points: [x, lower, upper]; x a category's index or a number. */
export function whiskers(colour, token, points, beside = {}) {
  return {
    type: "custom",
    silent: true,
    z: 1,
    data: points.filter(([, lower, upper]) => lower != null && upper != null),
    encode: { x: 0, y: [1, 2] },
    renderItem: (parameters, api) => {
      const x = api.value(0);
      const [left, low] = api.coord([x, api.value(1)]);
      const high = api.coord([x, api.value(2)])[1];
      const style = { stroke: colour(token), lineWidth: 2, fill: null };
      const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style });
      return {
        type: "group",
        children: [line(left, low, left, high), line(left - 5, low, left + 5, low), line(left - 5, high, left + 5, high)],
      };
    },
    ...beside,
  };
}

/** A dashed line at a value, named at its end. */
export function levelLine(colour, value, name, beside = {}) {
  return {
    silent: true,
    symbol: "none",
    animation: false,
    lineStyle: { color: colour("--text"), type: "dashed", width: 1 },
    label: { show: true, formatter: name, position: "insideEndTop", color: colour("--text"), fontSize: 11 },
    data: [{ yAxis: value, ...beside }],
  };
}

/** An axis' ends with some air around values, null ones left out; within 0 and 1 if shares. */
export function ends(values, { shares = false, least = 0 } = {}) {
  const known = values.filter((each) => each != null && Number.isFinite(each));
  if (!known.length) return { min: 0, max: 1 };
  let [low, high] = [Math.min(...known), Math.max(...known)];
  const air = Math.max((high - low) * 0.08, (least - (high - low)) / 2, 1e-6);
  [low, high] = [low - air, high + air];
  return shares ? { min: Math.max(0, low), max: Math.min(1, high) } : { min: low, max: high };
}
