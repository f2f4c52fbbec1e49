// Reliability: probability said against share that came true, and how many each point rests on.

import { chartTip } from "../shell/chart_tip.js";
import { percent } from "../shell/formats.js";
import { axis, ends } from "./marks.js";
import { count } from "./words.js";

const CLASSES = {
  up: { name: "up", token: "--forecast", symbol: "circle", line: "solid" },
  LONG: { name: "LONG", token: "--up", symbol: "triangle", line: "solid" },
  SHORT: { name: "SHORT", token: "--down", symbol: "triangle", rotate: 180, line: "dashed" },
  NO_TRADE: { name: "NO TRADE", token: "--flat", symbol: "rect", line: "dotted" },
};

/** null where there is no point. calibration: of a summary. */
export function reliability(calibration) {
  const byClass = calibration.by_class ?? { up: calibration };
  const lines = Object.entries(CLASSES)
    .filter(([key]) => byClass[key]?.points.length)
    .map(([key, look]) => ({ ...look, points: byClass[key].points }));
  if (!lines.length) return null;
  return {
    caption: "Probability said and share that came true",
    columns: ["Class", "Said", "Came true", "n"],
    rows: lines.flatMap(({ name, points }) =>
      points.map((each) => [name, percent(each.probability, 1), percent(each.share, 1), count(each.n)]),
    ),
    optionsOf: (colour) => options(colour, lines),
  };
}

function options(colour, lines) {
  const all = lines.flatMap(({ points }) => points);
  const range = ends(all.flatMap((each) => [each.probability, each.share]), { shares: true, least: 0.1 });
  const words = { color: colour("--muted"), fontSize: 11, showMinLabel: false, showMaxLabel: false };
  const shares = (beside) =>
    axis(colour, { type: "value", ...range, axisLabel: { ...words, formatter: (value) => percent(value, 0) }, ...beside });
  return {
    aria: { label: { description: "Reliability diagram: probability said against share that came true." } },
    legend: lines.length > 1 ? { top: 0, right: 0, itemHeight: 8, textStyle: { color: colour("--muted"), fontSize: 11 }, data: lines.map(({ name }) => name) } : undefined,
    grid: [
      { left: 52, right: 14, top: 20, height: "58%" },
      { left: 52, right: 14, bottom: 38, height: "14%" },
    ],
    xAxis: [
      shares({ axisLabel: { show: false } }),
      shares({ gridIndex: 1, name: "said", nameGap: 22, splitLine: { show: false } }),
    ],
    yAxis: [
      shares({ name: "came true", nameGap: 38 }),
      axis(colour, { type: "value", gridIndex: 1, splitNumber: 1, splitLine: { show: false }, axisLabel: { ...words, showMaxLabel: true, formatter: (value) => (value >= 1000 ? `${value / 1000}k` : value) } }),
    ],
    tooltip: { trigger: "item", formatter: ({ seriesName, data }) => tip(seriesName, data) },
    series: [
      diagonal(colour, range),
      ...lines.map((line) => curve(colour, line)),
      ...lines.map((line) => bars(colour, line)),
    ],
  };
}

function diagonal(colour, { min, max }) {
  return {
    type: "line", silent: true, symbol: "none", animation: false, tooltip: { show: false },
    lineStyle: { color: colour("--text"), type: "dashed", width: 1 },
    data: [[min, min], [max, max]],
  };
}

function curve(colour, { name, token, symbol, rotate = 0, line, points }) {
  return {
    type: "line", name, symbol, symbolRotate: rotate, symbolSize: 8,
    lineStyle: { color: colour(token), width: 1.5, type: line },
    itemStyle: { color: colour(token) },
    data: points.map((each) => [each.probability, each.share, each.n]),
  };
}

function bars(colour, { name, token, points }) {
  return {
    type: "bar", name, xAxisIndex: 1, yAxisIndex: 1, barWidth: 5, silent: true,
    itemStyle: { color: colour(token), opacity: 0.75 },
    data: points.map((each) => [each.probability, each.n]),
  };
}

function tip(name, [said, share, n]) {
  return chartTip(name === "up" ? "P(up)" : `P(${name})`, [
    ["said", percent(said, 1)],
    ["came true", percent(share, 1)],
    ["n", count(n)],
  ]);
}
