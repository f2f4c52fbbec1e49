// The hit rate by how sure a prediction was: a whisker each, with its n below.

import { chartTip } from "../shell/chart_tip.js";
import { axis, ends, grid, levelLine, whiskers } from "./marks.js";
import { count, intervalText, verdict, written } from "./words.js";

const HEADLINE = { unit: "share", better: "higher", than: "the baseline" };

/** null where no band has enough. groups: the answer's bands; overall: the hit rate of all. */
export function byBand(groups, overall, minimum) {
  if (groups.every((group) => group.hit_rate.value == null)) return null;
  const bands = groups.map((group) => ({
    name: bandName(group.band),
    said: group.said,
    figure: { ...group.hit_rate, baseline: group.hit_rate.baseline ?? overall.baseline },
  }));
  return {
    caption: "Hit rate by how sure it was",
    columns: ["Sureness", "Hit rate", "95 % interval", "Baseline", "n", "Said", "In words"],
    rows: bands.map(({ name, said, figure }) => [
      name, written("share", figure.value), intervalText("share", figure), written("share", figure.baseline),
      count(figure.n), count(said), verdict(HEADLINE, figure, minimum).text,
    ]),
    optionsOf: (colour) => options(colour, bands, overall, minimum),
  };
}

// "0.50-0.52" as people say it.
function bandName(band) {
  const [low, high] = band.split("-").map((each) => Math.round(Number(each) * 100));
  return `${low}–${high} %`;
}

function options(colour, bands, overall, minimum) {
  const values = bands.flatMap(({ figure }) => [figure.value, figure.lower, figure.upper]);
  return {
    aria: { label: { description: "Hit rate by band of sureness, with intervals." } },
    grid: grid({ bottom: 44 }),
    xAxis: axis(colour, {
      type: "category",
      data: bands.map(({ name, figure }) => `${name}\nn ${count(figure.n)}`),
      axisLabel: { color: colour("--muted"), fontSize: 11, interval: 0, lineHeight: 15 },
    }),
    yAxis: axis(colour, {
      type: "value", ...ends([...values, overall.baseline], { shares: true }),
      axisLabel: { color: colour("--muted"), fontSize: 11, showMinLabel: false, showMaxLabel: false, formatter: (value) => written("share", value) },
    }),
    tooltip: {
      trigger: "axis", axisPointer: { type: "none" },
      formatter: ([first]) => tip(bands[first.dataIndex], minimum),
    },
    series: [
      whiskers(colour, "--forecast", bands.map(({ figure }, index) => [index, figure.lower, figure.upper])),
      {
        type: "scatter", symbolSize: 10, z: 3, itemStyle: { color: colour("--forecast") },
        data: bands.map(({ figure }) => figure.value ?? "-"),
        markLine: overall.baseline == null ? undefined : levelLine(colour, overall.baseline, "baseline of all"),
      },
    ],
  };
}

function tip({ name, said, figure }, minimum) {
  return chartTip(`Sureness ${name}`, [
    ["hit rate", written("share", figure.value)],
    ["95 %", intervalText("share", figure)],
    ["baseline", written("share", figure.baseline)],
    ["n", `${count(figure.n)} of ${count(said)} said`],
    ["", verdict(HEADLINE, figure, minimum).text],
  ]);
}
