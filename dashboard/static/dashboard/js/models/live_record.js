// How a served version did of late, as the recorder measured; unknown where n is too small.

import { made } from "../shell/elements.js";
import { UNKNOWN, count, fixed, percent } from "../shell/formats.js";
import { sentence } from "../shell/sentences.js";
import { timeElement } from "../shell/times.js";
import { venueKind } from "../shell/venues.js";

const WINDOWS = { hour: "last hour", day: "last 24 h", reference: "7 days before", candles: "newest 500 candles" };
const HEADS = ["Window", "n", "Hit rate", "Error over that of no change", "Inside the 90 % interval", "Calibration error", "Skill of the probabilities"];

export class LiveRecord {
  constructor() {
    this.element = made("section", "live-record");
    this.element.dataset.testid = "live-record";
    this.key = "";
  }

  show(record) {
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
    frame.append(table(record.rows));
    this.element.replaceChildren(head, frame);
  }
}

function venueTag({ venue, live }) {
  const kind = venueKind(venue, live);
  const tag = made("span", "tag", kind === "simulated" ? kind : venue);
  tag.dataset.kind = kind;
  return tag;
}

function table(rows) {
  const element = made("table");
  const head = made("tr");
  head.append(...HEADS.map((text) => Object.assign(made("th", "", text), { scope: "col" })));
  element.createTHead().append(head);
  const body = element.createTBody();
  for (const row of rows) {
    const line = made("tr");
    const name = row.symbol ? `${row.symbol}, ${WINDOWS[row.window] ?? row.window}` : (WINDOWS[row.window] ?? row.window);
    line.append(Object.assign(made("th", "", name), { scope: "row" }));
    const error = row.ece === null ? UNKNOWN : `${fixed(row.ece * 100, 1)} pp`;
    for (const text of [count(row.n), percent(row.hit_rate), fixed(row.mae_ratio, 3), percent(row.coverage), error]) {
      line.append(made("td", "", text));
    }
    const last = made("td", "", percent(row.skill, 2));
    if (row.skill_lower !== null) last.append(made("span", "ends", `${fixed(row.skill_lower * 100, 2)} … ${fixed(row.skill_upper * 100, 2)}`));
    line.append(last);
    body.append(line);
  }
  return element;
}
