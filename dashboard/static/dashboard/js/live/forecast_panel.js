// The running forecast in numbers.

import * as formats from "../shell/formats.js";
import { Panel } from "../shell/panel.js";
import { writeText } from "../shell/page_text.js";
import { time } from "../shell/times.js";
import { ARROWS, isFallback, moveOf } from "./coins.js";
import { showCondition } from "./condition.js";

const ROLES = { champion: "trained model", baseline: "baseline", shadow: "shadow" };

export class ForecastPanel {
  constructor(section, page) {
    this.section = section;
    this.page = page;
    this.panel = new Panel(section);
    this.parts = Object.fromEntries(
      [...section.querySelectorAll("[data-part]")].map((each) => [each.dataset.part, each]),
    );
  }

  /** roles: model version → role, as far as the ledger told. now: market time in ms, or null. */
  show(coin, condition, roles, now) {
    showCondition(this.panel, condition, coin.latest ? null : "No forecast has been made yet.");
    const { latest, symbol } = coin;
    const seq = String(latest?.seq ?? "");
    if (this.section.dataset.seq !== seq) this.section.dataset.seq = seq;
    if (!latest) return;
    const { predicted, interval, chance, share, confidence, due, latency } = this.parts;
    writeText(predicted, formats.price(latest.predicted_price, symbol));
    this.writeMove(moveOf(latest));
    writeText(interval, intervalOf(latest, symbol));
    writeText(chance, formats.percent(latest.p_up));
    share.style.setProperty("--share", `${(latest.p_up ?? 0.5) * 100}%`);
    share.hidden = latest.p_up == null;
    writeText(confidence, formats.fixed(latest.confidence, 2));
    writeText(latency, latest.latency_ms == null ? formats.UNKNOWN : `${latest.latency_ms.toFixed(2)} ms`);
    writeText(due, dueOf(latest, now));
    this.writeSource(latest);
    this.writeModel(latest, roles.get(latest.model_version));
  }

  writeMove(found) {
    const text = found ? `${ARROWS[found.way]} ${formats.signedBp(found.bp)}` : "";
    writeText(this.parts.move, text);
    const way = found?.way ?? "";
    if (this.parts.move.dataset.way !== way) this.parts.move.dataset.way = way;
  }

  writeSource(latest) {
    const source = this.page.sources[latest.source] ?? latest.source;
    const reason = this.page.reasons[latest.reason] ?? latest.reason;
    const text = reason ? `${source}: ${reason}` : source;
    writeText(this.parts.source, text, isFallback(latest) ? "bad" : "");
    const title = [latest.source, latest.reason].filter(Boolean).join(", ");
    if (this.parts.source.title !== title) this.parts.source.title = title;
  }

  writeModel(latest, role) {
    const { model, role: tag, note } = this.parts;
    // The ledger knows the model by its name; a forecast that no model made is of none.
    const baseline = role === "baseline" && !isFallback(latest) && latest.predicted_price != null;
    writeText(model, latest.model_version || formats.UNKNOWN);
    writeText(tag, ROLES[role] ?? "");
    tag.hidden = !role || isFallback(latest);
    tag.dataset.kind = role === "baseline" ? "warn" : "";
    note.hidden = !baseline;
  }
}

function intervalOf({ lower, upper }, symbol) {
  if (lower == null || upper == null) return formats.UNKNOWN;
  return `${formats.price(lower, symbol)} to ${formats.price(upper, symbol)}`;
}

function dueOf(latest, now) {
  const due = `due ${time(latest.target_ts)}`;
  if (now === null) return due;
  const left = latest.target_ts - now;
  return left > 0 ? `${due}, in ${Math.ceil(left / 1_000)} s` : `${due}, past`;
}
