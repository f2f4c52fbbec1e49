// How a served version did of late, as the recorder measured; unknown where n is too small.

import { made } from "../shell/elements.js";
import { UNKNOWN, count, fixed, percent, signed, signedPercent } from "../shell/formats.js";
import { sentence } from "../shell/sentences.js";
import { timeElement } from "../shell/times.js";
import { venueKind } from "../shell/venues.js";

const WINDOWS = { hour: "last hour", day: "last 24 h", reference: "7 days before", candles: "newest 500 candles" };
const CALIBRATION = ["Calibration error", (row) => (row.ece === null ? UNKNOWN : `${fixed(row.ece * 100, 1)} pp`)];
// Named as the accuracy page names them; what a signal's interval is of is its time to target 1.
const FIGURES = {
  forecasts: [
    ["Hit rate", (row) => percent(row.hit_rate)],
    ["Error over that of no change", (row) => fixed(row.mae_ratio, 3)],
    ["Inside the 90 % interval", (row) => percent(row.coverage)],
    CALIBRATION,
  ],
  signals: [
    ["Hit rate, given a touch", (row) => percent(row.hit_rate)],
    ["ETA inside its interval", (row) => percent(row.coverage)],
    CALIBRATION,
  ],
};

export class LiveRecord {
  constructor() {
    this.element = made("section", "live-record");
    this.element.dataset.testid = "live-record";
    this.key = "";
  }

  /** engine: "forecasts" or "signals". */
  show(record, engine) {
    const key = JSON.stringify(record);
    if (key === this.key) return;
    this.key = key;
    const head = made("div", "card-head");
    head.append(made("h3", "", "Live record"));
    if (record.venue !== null) head.append(venueTag(record), made("span", "muted", "measured "), timeElement(record.measured_ms));
    if (!record.rows.length) {
      this.element.replaceChildren(head, made("p", "note", sentence(record.reason)));
      return;
    }
    const frame = made("div", "scroll");
    frame.tabIndex = 0;
    frame.setAttribute("role", "group");
    frame.setAttribute("aria-label", "Live record");
    frame.append(table(record.rows, FIGURES[engine]));
    this.element.replaceChildren(head, frame);
  }
}

function venueTag({ venue, live }) {
  const kind = venueKind(venue, live);
  const tag = made("span", "tag", kind === "simulated" ? kind : venue);
  tag.dataset.kind = kind;
  return tag;
}

function table(rows, figures) {
  const element = made("table");
  const head = made("tr");
  const heads = ["Window", "n", ...figures.map(([name]) => name), "Skill of the probabilities"];
  head.append(...heads.map((text) => Object.assign(made("th", "", text), { scope: "col" })));
  element.createTHead().append(head);
  element.createTBody().append(...rows.map((row) => line(row, figures)));
  return element;
}

function line(row, figures) {
  const element = made("tr");
  const window = WINDOWS[row.window] ?? row.window;
  element.append(Object.assign(made("th", "", row.symbol ? `${row.symbol}, ${window}` : window), { scope: "row" }));
  for (const text of [count(row.n), ...figures.map(([, written]) => written(row))]) element.append(made("td", "", text));
  const skill = made("td", "", signedPercent(row.skill));
  if (row.skill_lower !== null) skill.append(made("span", "ends", `${signed(row.skill_lower * 100)} … ${signed(row.skill_upper * 100)}`));
  element.append(skill);
  return element;
}
