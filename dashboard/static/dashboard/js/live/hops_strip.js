// The strip of data age and hops, and beneath it what each of them means.

import { UNKNOWN, duration } from "../shell/formats.js";
import { writeText } from "../shell/page_text.js";
import { TableTwin } from "../shell/table_twin.js";
import { HOPS } from "./hops.js";

const AGE = "How long ago the newest features of this market were proven fresh.";

export class HopsStrip {
  constructor(root) {
    this.cells = new Map(
      [...root.querySelectorAll("[data-hop]")].map((cell) => [
        cell.dataset.hop,
        { cell, value: cell.querySelector(".value"), spread: cell.querySelector(".spread") },
      ]),
    );
    this.details = root.querySelector(".twin");
    const columns = ["Part", "Now", "p50 of a minute", "p95", "What it is"];
    this.twin = new TableTwin(this.details, "Data age and latency", columns.map((name) => ({ name })));
  }

  /** age: of the data, in ms or null; old: whether that is too old. */
  show(hops, age, old) {
    const rows = [["Data age", duration(age), UNKNOWN, UNKNOWN, AGE]];
    writeText(this.cells.get("age").value, duration(age), old ? "bad" : "");
    for (const [name, title, meaning] of HOPS) {
      const hop = hops.of(name);
      const found = hop.percentiles();
      const unknown = hop.value === null ? `Not known: ${hop.reason}.` : "";
      const told = [meaning, hop.how, unknown].filter(Boolean).join(" ");
      this.write(this.cells.get(name), hop, found, told);
      rows.push([title, length(hop.value), length(found?.p50), length(found?.p95), told]);
    }
    if (this.details.open) this.twin.show(rows);
  }

  write({ cell, value, spread }, hop, found, told) {
    writeText(value, length(hop.value));
    writeText(spread, found && found.p95 !== null ? `p50 ${short(found.p50)} · p95 ${short(found.p95)}` : "");
    if (cell.title !== told) cell.title = told;
  }
}

function length(ms) {
  return ms != null && ms < 10 ? `${ms.toFixed(1)} ms` : duration(ms);
}

function short(ms) {
  if (ms === null) return UNKNOWN;
  return ms < 10 ? ms.toFixed(1) : ms < 1_000 ? String(Math.round(ms)) : duration(ms);
}
