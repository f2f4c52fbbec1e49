// Figures over time: a line, the band of its interval, the baseline beside it. A point tells of
// the window that ends there.

import { chartTip } from "../shell/chart_tip.js";
import { time } from "../shell/times.js";
import { axis, ends, grid } from "./marks.js";
import { count, intervalText, written } from "./words.js";

const LENGTHS = { "20m": "20 minutes", "1h": "hour", "6h": "6 hours", "1d": "day", "7d": "7 days", "30d": "30 days", "90d": "90 days" };

/** What a chart of one figure shows, null where less than two windows have enough. name: of the figures. */
export function overTime(series, { name, title, unit, than }) {
  if (knownOf(series, name).length < 2) return null;
  const points = series.points.map((point) => ({ ms: Date.parse(point.to), from: Date.parse(point.from), ...point[name] }));
  const length = LENGTHS[series.window];
  return {
    caption: `${title} of the ${length} before each time`,
    columns: ["Until", title, "95 % interval", "Baseline", "n"],
    rows: points.map((each) => [
      time(each.ms, "dateMinute"), written(unit, each.value), intervalText(unit, each), written(unit, each.baseline), count(each.n),
    ]),
    note: `Each point is of the ${length} before it, a quarter of which is new: neighbours move together. The band is the 95 % interval, the dashed line ${than}.`,
    optionsOf: (colour) => options(colour, points, unit, title, than),
  };
}

/** Why there is no such chart, in a sentence. */
export function tooShort(series, { name, unit }, minimum) {
  const [only] = knownOf(series, name);
  if (!only) return `Too few in every window to tell: a figure needs ${minimum}.`;
  const figure = `${written(unit, only[name].value)} in the ${LENGTHS[series.window]} to ${time(Date.parse(only.to), "dateMinute")}`;
  return `Too short a time to draw: one window alone has enough, ${figure}.`;
}

function knownOf(series, name) {
  return series?.points.filter((point) => point[name].value != null) ?? [];
}

function options(colour, points, unit, title, than) {
  const at = (pick) => points.map((each) => [each.ms, pick(each) ?? "-"]);
  const told = (each) => each.value != null && each.lower != null;
  const line = (beside) => ({ type: "line", showSymbol: false, ...beside });
  const band = { lineStyle: { opacity: 0 }, stack: "band", silent: true, tooltip: { show: false } };
  const values = points.flatMap((each) => (told(each) ? [each.lower, each.upper, each.baseline] : [each.value]));
  const alone = (index) => points[index - 1]?.value == null && points[index + 1]?.value == null;
  return {
    aria: { label: { description: `${title} over time, with its interval and baseline.` } },
    grid: grid({ bottom: 26 }),
    xAxis: axis(colour, { type: "time", axisLabel: { color: colour("--muted"), fontSize: 11, hideOverlap: true, formatter: label(points) } }),
    yAxis: axis(colour, { type: "value", ...ends(values, { shares: unit === "share" }), axisLabel: { color: colour("--muted"), fontSize: 11, showMinLabel: false, showMaxLabel: false, formatter: (value) => written(unit, value) } }),
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "line", lineStyle: { color: colour("--muted") } },
      formatter: ([first]) => tip(points[first.dataIndex], unit, title, than),
    },
    series: [
      line({ ...band, data: at((each) => (told(each) ? each.lower : null)) }),
      line({ ...band, data: at((each) => (told(each) ? each.upper - each.lower : null)), areaStyle: { color: colour("--forecast-fill") } }),
      line({ data: at((each) => each.baseline), lineStyle: { color: colour("--text"), type: "dashed", width: 1 }, itemStyle: { color: colour("--text") } }),
      line({
        data: points.map((each, index) => ({ value: [each.ms, each.value ?? "-"], symbol: alone(index) ? "circle" : "none" })),
        showSymbol: true, symbolSize: 6, z: 3,
        lineStyle: { color: colour("--forecast"), width: 2 }, itemStyle: { color: colour("--forecast") },
      }),
    ],
  };
}

function tip(point, unit, title, than) {
  return chartTip(`${time(point.from, "dateMinute")} to ${time(point.ms, "dateMinute")}`, [
    [title, written(unit, point.value)],
    ["95 %", intervalText(unit, point)],
    [than, written(unit, point.baseline)],
    ["n", count(point.n)],
  ]);
}

// Hours where the whole is a day or two, else dates; in both without the year.
function label(points) {
  const days = (points.at(-1).ms - points[0].ms) / 86_400_000;
  if (days < 2) return (ms) => time(ms, "minute");
  return (ms) => time(ms, "dateMinute").slice(5, days < 14 ? 16 : 10);
}
