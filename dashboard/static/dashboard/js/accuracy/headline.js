// The top of the page: what the record comes to, figure by figure.

import { Panel } from "../shell/panel.js";
import { TableTwin } from "../shell/table_twin.js";
import { made } from "../shell/elements.js";
import { strip } from "./strip.js";
import { HEADLINES, conclusion, count, counts, intervalText, pick, verdict, written } from "./words.js";

const COLUMNS = ["Figure", "Value", "95 % interval", "Baseline", "n", "n_eff", "In words"];

export class Headline {
  constructor(element) {
    this.panel = new Panel(element);
    this.list = element.querySelector("#figures");
    this.verdict = element.querySelector("#verdict");
    const details = element.querySelector(".twin");
    this.twin = new TableTwin(details, "The figures of this record", COLUMNS.map((name) => ({ name })));
  }

  show(told) {
    const found = HEADLINES[told.engine].map((headline) => {
      const figure = pick(headline, told.overall);
      return { headline, figure, verdict: verdict(headline, figure, told.minimum_n) };
    });
    this.verdict.textContent = conclusion(told.engine, found);
    this.list.replaceChildren(...found.map(card), calibrationCard(told));
    this.twin.show(found.map(row));
    this.panel.ready();
  }
}

function card({ headline, figure, verdict: said }) {
  const item = made("li", "figure");
  item.dataset.testid = `figure-${headline.name}`;
  item.dataset.verdict = said.kind;
  item.append(
    made("h2", "", headline.title),
    made("p", "big", written(headline.unit, figure?.value)),
    strip(figure),
    made("p", "interval", figure?.lower == null ? "95 %: –" : `95 %: ${intervalText(headline.unit, figure)}`),
    made("p", "said", `${said.mark} ${said.text}`),
    made("p", "muted", `${counts(figure ?? { n: 0 })} ${headline.of}`),
  );
  return item;
}

// The calibration error has no interval and no baseline of its own: 0 is perfect.
function calibrationCard({ engine, overall, minimum_n: minimum }) {
  const { ece, n } = overall.calibration;
  const item = made("li", "figure");
  item.dataset.testid = "figure-calibration";
  item.dataset.verdict = "none";
  const of = engine === "signals" ? "signals, mean over the three classes" : "forecasts of P(up)";
  item.append(
    made("h2", "", "Calibration error"),
    made("p", "big", ece == null ? "–" : `${(ece * 100).toFixed(1)} pp`),
    made("p", "said", ece == null ? `– too few: ${count(n)} of ${minimum}` : "– by so much said and observed shares differ, on average; 0 is perfect"),
    made("p", "muted", `n ${count(n)} ${of}`),
  );
  return item;
}

function row({ headline, figure, verdict: said }) {
  return [
    headline.title,
    written(headline.unit, figure?.value),
    intervalText(headline.unit, figure),
    written(headline.unit, figure?.baseline),
    count(figure?.n ?? 0),
    count(figure?.n_eff),
    said.text,
  ];
}
