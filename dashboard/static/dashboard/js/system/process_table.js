// A row a process: its state, how long ago it was heard, and what it says of itself.

import { pageData } from "../shell/page_data.js";
import { writeText } from "../shell/page_text.js";
import { UNKNOWN, duration } from "../shell/formats.js";
import { made } from "../shell/elements.js";
import { said } from "./process_words.js";

const WELL = new Set(["healthy", "active"]);
const WAITS = new Set(["starting", "standby", "idle"]);
const LONG_AGO_MS = 5_000;

export class ProcessTable {
  constructor(body) {
    this.rows = new Map(pageData.processes.map((name) => [name, processRow(body, name)]));
    this.known = new Map();
  }

  /** processes: of /api/system, or of a health frame, which has numbers and texts of details alone. */
  take(processes, at) {
    for (const name of pageData.processes) {
      const process = processes[name];
      if (!process) continue;
      const before = this.known.get(name);
      const whole = process.detail && Object.values(process.detail).some((each) => typeof each === "object" && each !== null);
      const detail = whole || !before?.detail ? process.detail : { ...before.detail, ...process.detail };
      this.known.set(name, { ...process, status: process.status ?? "down", detail, at });
    }
  }

  draw(now) {
    for (const [name, cells] of this.rows) {
      const process = this.known.get(name);
      if (!process) continue;
      const { status, age_ms: age, pid, detail, at } = process;
      const kind = WELL.has(status) ? "well" : WAITS.has(status) || status === "unknown" ? "waits" : "bad";
      writeText(cells.state, status.replaceAll("_", " "), kind);
      const heard = age == null ? null : Math.max(0, age + now - at);
      writeText(cells.heard, heard === null ? UNKNOWN : heard < 1_000 ? "now" : `${duration(heard)} ago`, heard > LONG_AGO_MS ? "old" : "");
      writeText(cells.pid, pid == null ? UNKNOWN : String(pid));
      writeText(cells.said, status === "down" || status === "unknown" ? UNKNOWN : said(name, detail ?? {}));
    }
  }
}

function processRow(body, name) {
  const row = made("tr");
  row.dataset.testid = `process-${name}`;
  const head = made("th", "", name);
  head.scope = "row";
  const stateCell = made("td", "text");
  const cells = { state: made("span", "state", UNKNOWN), heard: made("td"), pid: made("td"), said: made("td", "text says") };
  stateCell.append(cells.state);
  row.append(head, stateCell, cells.heard, cells.pid, cells.said);
  body.append(row);
  return cells;
}
