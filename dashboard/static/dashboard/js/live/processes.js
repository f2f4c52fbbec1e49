// The health of each process, as chips.

import { writeText } from "../shell/page_text.js";

const WELL = new Set(["healthy", "active", "connected"]);
const PROCESSES = ["market", "inference", "signals", "recorder", "web"];

export class Processes {
  constructor(list) {
    this.chips = new Map(
      [...list.querySelectorAll("[data-process]")].map((chip) => [chip.dataset.process, chip]),
    );
  }

  /** heard: whether the health is of now. What was well before the connection broke is unknown. */
  show(health, heard) {
    if (!health) return;
    if (!heard) {
      for (const name of this.chips.keys()) this.write(name, "unknown");
      return;
    }
    const away = health.redis.status === "away";
    for (const name of PROCESSES) {
      this.write(name, health.processes[name]?.status ?? (away ? "unknown" : "not running"));
    }
    this.write("redis", health.redis.status);
  }

  write(name, status) {
    const chip = this.chips.get(name);
    const state = WELL.has(status) ? "well" : status === "unknown" ? "unknown" : "ill";
    if (chip.dataset.state !== state) chip.dataset.state = state;
    const words = status.replaceAll("_", " ");
    writeText(chip.querySelector(".status"), words);
    const title = `${chip.dataset.name}: ${words}`;
    if (chip.title !== title) chip.title = title;
  }
}
