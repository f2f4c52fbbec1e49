// The risk-coverage dial: what would have come true had only the surest been said.

import { chartTip } from "../shell/chart_tip.js";
import { percent } from "../shell/formats.js";
import { ChartPanel } from "./chart_panel.js";
import { made } from "../shell/elements.js";
import { axis, ends, grid, levelLine, whiskers } from "./marks.js";
import { count, counts, intervalText, verdict, written } from "./words.js";

const HIT_RATE = { name: "hit_rate", title: "Hit rate", unit: "share", better: "higher", than: "the more frequent direction of all" };
const FIGURES = {
  forecasts: [HIT_RATE],
  signals: [
    { ...HIT_RATE, than: "the more frequent side" },
    { name: "take_profit_rate", title: "First target reached", unit: "share", better: "higher", than: "the share of that side" },
    { name: "mean_r", title: "Mean R", unit: "r", better: "higher", than: "not trading" },
    { name: "mean_r_after_fees", title: "Mean R after fees", unit: "r", better: "higher", than: "not trading" },
  ],
};

export class Dial {
  /** onKeep(share): the reader moved the dial; share is text for the address, "" for all. */
  constructor(element, onKeep) {
    this.panel = new ChartPanel(element);
    this.slider = element.querySelector("#keep");
    this.kept = element.querySelector("#kept");
    this.told = element.querySelector("#dial-told");
    this.slider.addEventListener("input", () => {
      this.share = this.points[Number(this.slider.value)].share;
      onKeep(this.share === 1 ? "" : this.share.toFixed(3));
      this.write();
    });
  }

  show(told, keep) {
    this.record = told;
    this.points = told.risk_coverage;
    if (!this.points.length) {
      this.panel.panel.empty("Nothing that was graded has called a direction.");
      return;
    }
    this.share = Number(keep) || 1;
    this.slider.max = String(this.points.length - 1);
    this.write();
  }

  // The point that keeps the share that is asked for, or the one nearest to it.
  index() {
    const far = this.points.map((point) => Math.abs(point.share - this.share));
    return far.indexOf(Math.min(...far));
  }

  write() {
    const index = this.index();
    const point = this.points[index];
    const words = percent(point.share, 1);
    if (this.slider.value !== String(index)) this.slider.value = String(index);
    this.slider.setAttribute("aria-valuetext", `the surest ${words}, ${count(point.said)} of ${count(this.points[0].said)}`);
    this.kept.textContent = words;
    this.told.replaceChildren(...this.sentences(point));
    this.draw(index);
  }

  sentences(point) {
    const { engine, minimum_n: minimum } = this.record;
    const least = point.sureness ?? point.confidence;
    const lines = [made("p", "", `${count(point.said)} of ${count(this.points[0].said)} said, from ${percent(least, 1)} sure on.`)];
    for (const headline of FIGURES[engine]) {
      const figure = this.figure(point, headline);
      const said = verdict(headline, figure, minimum);
      const line = made("p", "dial-figure");
      line.dataset.testid = `dial-${headline.name}`;
      line.dataset.verdict = said.kind;
      line.append(
        made("span", "", headline.title), made("strong", "", written(headline.unit, figure.value)),
        made("span", "muted", `95 %: ${intervalText(headline.unit, figure)} · ${counts(figure)}`),
        made("span", "said", `${said.mark} ${said.text}`),
      );
      lines.push(line);
    }
    return lines;
  }

  figure(point, { name }) {
    const figure = point[name];
    return { ...figure, baseline: figure.baseline ?? this.record.overall[name].baseline };
  }

  draw(chosen) {
    const points = this.points.map((point) => ({ ...point, figure: this.figure(point, HIT_RATE) }));
    this.panel.show({
      caption: "Hit rate where only the surest are kept",
      columns: ["Share kept", "From", "Said", "Hit rate", "95 % interval", "Baseline", "n", ...this.extraColumns()],
      rows: points.map((each) => this.row(each)),
      optionsOf: (colour) => options(colour, points, chosen),
    });
  }

  extraColumns() {
    return FIGURES[this.record.engine].slice(1).flatMap(({ title }) => [title, `${title}, 95 %`]);
  }

  row(point) {
    const { figure } = point;
    const extra = FIGURES[this.record.engine].slice(1);
    return [
      percent(point.share, 1), percent(point.sureness ?? point.confidence, 1), count(point.said),
      written("share", figure.value), intervalText("share", figure), written("share", figure.baseline), count(figure.n),
      ...extra.flatMap(({ name, unit }) => [written(unit, point[name].value), intervalText(unit, point[name])]),
    ];
  }
}

function options(colour, points, chosen) {
  const values = points.flatMap(({ figure }) => [figure.value, figure.lower, figure.upper, figure.baseline]);
  const baseline = points[0].figure.baseline;
  return {
    animation: false,
    aria: { label: { description: "Hit rate by share kept, the surest to the right." } },
    grid: grid(),
    xAxis: axis(colour, {
      type: "value", inverse: true, min: 0, max: 1, name: "share kept, the surest to the right",
      axisLabel: { color: colour("--muted"), fontSize: 11, formatter: (value) => percent(value, 0) },
    }),
    yAxis: axis(colour, {
      type: "value", ...ends(values, { shares: true }),
      axisLabel: { color: colour("--muted"), fontSize: 11, showMinLabel: false, showMaxLabel: false, formatter: (value) => written("share", value) },
    }),
    tooltip: { trigger: "item", formatter: ({ dataIndex }) => tip(points[dataIndex]) },
    series: [
      whiskers(colour, "--flat", points.map(({ share, figure }) => [share, figure.lower, figure.upper])),
      {
        type: "line", z: 3, symbol: "circle",
        lineStyle: { color: colour("--forecast"), width: 1.5 }, itemStyle: { color: colour("--forecast") },
        data: points.map(({ share, figure }, index) => ({
          value: [share, figure.value ?? "-"], symbolSize: index === chosen ? 13 : 6, symbol: index === chosen ? "diamond" : "circle",
          itemStyle: index === chosen ? { color: colour("--text") } : {},
        })),
        markLine: baseline == null ? undefined : levelLine(colour, baseline, "baseline"),
      },
    ],
  };
}

function tip({ share, said, figure }) {
  return chartTip(`The surest ${percent(share, 1)}`, [
    ["hit rate", written("share", figure.value)],
    ["95 %", intervalText("share", figure)],
    ["baseline", written("share", figure.baseline)],
    ["n", `${count(figure.n)} of ${count(said)} said`],
  ]);
}
