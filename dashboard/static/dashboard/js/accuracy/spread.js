// How R multiples are spread, before and after fees: what a mean would hide.

import { chartTip } from "../shell/chart_tip.js";
import { percent } from "../shell/formats.js";
import { axis, grid } from "./marks.js";
import { count, written } from "./words.js";

/** null where there are too few. told: r_distribution; overall: for the means. */
export function spreadOfR(told, overall) {
  if (!told?.bins) return null;
  const used = told.bins.map(({ before, after_fees: after }) => before + after > 0);
  const bins = told.bins.slice(used.indexOf(true), used.lastIndexOf(true) + 1);
  const name = (bin) => binName(bin, told);
  return {
    caption: "R multiples before and after fees",
    columns: ["R", "Before fees", "After fees", "Share before fees"],
    rows: bins.map((bin) => [name(bin), count(bin.before), count(bin.after_fees), percent(bin.before / told.n, 1)]),
    note: `Mean before fees ${written("r", overall.mean_r.value)}, after fees ${written("r", overall.mean_r_after_fees.value)}. A stop-loss is −1 R, the first target +1 R, what timed out between; a gap may cost more.`,
    optionsOf: (colour) => options(colour, bins, told, name),
  };
}

function options(colour, bins, told, name) {
  const bars = (title, token, pick, beside) => ({
    type: "bar", name: title, barGap: "10%", barCategoryGap: "25%",
    itemStyle: { color: colour(token), ...beside },
    data: bins.map(pick),
  });
  return {
    aria: { label: { description: "Distribution of R multiples before and after fees." } },
    legend: { top: 0, right: 0, itemHeight: 8, itemWidth: 14, textStyle: { color: colour("--muted"), fontSize: 11 } },
    grid: grid({ top: 26 }),
    xAxis: axis(colour, {
      type: "category", name: "R", nameGap: 24, data: bins.map(({ r }) => r.toFixed(2).replace("-", "−")),
      axisLabel: { color: colour("--muted"), fontSize: 11, hideOverlap: true },
    }),
    yAxis: axis(colour, { type: "value", axisLabel: { color: colour("--muted"), fontSize: 11, showMaxLabel: false } }),
    tooltip: {
      trigger: "axis", axisPointer: { type: "shadow" },
      formatter: ([first]) => tip(bins[first.dataIndex], told, name),
    },
    series: [
      bars("before fees", "--forecast", ({ before }) => before),
      bars("after fees", "--flat", ({ after_fees: after }) => after, {
        decal: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -Math.PI / 4, color: colour("--card") },
      }),
    ],
  };
}

function binName({ r }, { width, bins }) {
  const text = (value) => value.toFixed(3).replace("-", "−");
  if (r === bins[0].r) return `under ${text(r + width / 2)}`;
  if (r === bins.at(-1).r) return `${text(r - width / 2)} and more`;
  return `${text(r - width / 2)} to ${text(r + width / 2)}`;
}

function tip(bin, told, name) {
  return chartTip(`${name(bin)} R`, [
    ["before fees", `${count(bin.before)} (${percent(bin.before / told.n, 1)})`],
    ["after fees", count(bin.after_fees)],
    ["of", count(told.n)],
  ]);
}
