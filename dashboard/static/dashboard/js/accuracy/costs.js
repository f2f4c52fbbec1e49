// My costs: the same record paid for by the reader. What loses money is told as such.

import { UNKNOWN, percent } from "../shell/formats.js";
import { Panel } from "../shell/panel.js";
import { preference, remember } from "../shell/preferences.js";
import { made } from "../shell/elements.js";
import { strip } from "./strip.js";
import { COSTS } from "./view.js";
import { count, counts, intervalText, written } from "./words.js";

const PREFERENCE = "costs";
const WHY = {
  past_target: "entered only after the target's time",
  no_price: "no price at the entry",
  expired: "no longer valid at the entry",
  touched_before: "already at stop or target by then",
  path_too_coarse: "the candles are too long to tell",
};

/** What was filled in last, or what the server's own fee is. */
export function rememberedCosts(feeBp) {
  try {
    const kept = JSON.parse(preference(PREFERENCE, "null"));
    if (kept && COSTS.every((name) => typeof kept[name] === "string")) return kept;
  } catch {
    // What cannot be read is as good as nothing.
  }
  return { fee_bp: String(feeBp), slippage_bp: "0", latency_ms: "0" };
}

export class CostsPanel {
  /** onCosts({fee_bp, …}): other costs were filled in. */
  constructor(element, onCosts) {
    this.form = element.querySelector("#costs-form");
    this.panel = new Panel(element.querySelector("#bill"));
    this.verdict = element.querySelector("#bill-verdict");
    this.figure = element.querySelector("#bill-figure");
    this.facts = element.querySelector("#bill-facts");
    this.note = element.querySelector("#bill-note");
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.say = element.querySelector("#costs-say");
    // Until it can be reckoned again, the old result is none of these costs.
    this.form.addEventListener("input", () => this.mark());
    this.form.addEventListener("change", () => {
      if (!this.mark()) return;
      const costs = Object.fromEntries(COSTS.map((name) => [name, this.form.elements[name].value]));
      remember(PREFERENCE, JSON.stringify(costs));
      onCosts(costs);
    });
  }

  fill(costs) {
    for (const name of COSTS) {
      const input = this.form.elements[name];
      if (document.activeElement !== input) input.value = costs[name];
    }
    this.mark();
  }

  // Say which field is no number that is allowed; whether all are.
  mark() {
    const inputs = COSTS.map((name) => this.form.elements[name]);
    const wrong = inputs.filter((input) => !input.validity.valid);
    for (const input of inputs) {
      if (wrong.includes(input)) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
    const told = wrong.map((input) => `${input.labels[0].firstChild.textContent.trim()}: a number from ${input.min} to ${count(Number(input.max))}, in steps of ${input.step}.`);
    this.say.textContent = told.length ? `${told.join(" ")} The result below is of the costs before.` : "";
    this.say.hidden = told.length === 0;
    this.panel.element.classList.toggle("outdated", told.length > 0);
    return told.length === 0;
  }

  show(told) {
    const bill = told.costs;
    const unit = bill.unit === "R" ? "r" : "bp";
    const trade = told.engine === "signals" ? "signal" : "forecast";
    const kind = kindOf(bill.mean);
    this.verdict.textContent = sentence(bill, unit, trade, told.minimum_n);
    this.verdict.dataset.kind = kind;
    const mean = { ...bill.mean, baseline: 0 };
    this.figure.dataset.verdict = kind === "loses" ? "bad" : kind === "gains" ? "good" : "unsure";
    this.figure.replaceChildren(
      made("p", "big", written(unit, mean.value)), strip(mean),
      made("p", "interval", `95 %: ${intervalText(unit, mean)} · ${counts(mean)}`),
    );
    this.facts.replaceChildren(...facts(bill, unit).flatMap(([name, value]) => [made("dt", "", name), made("dd", "", value)]));
    this.note.textContent = bill.limited
      ? `Reckoned of the newest ${count(bill.most)} only.`
      : "Entered and left at the price that was seen: an order of size would move it.";
    this.panel.ready();
  }
}

function kindOf({ value, lower, upper }) {
  if (value == null) return "unknown";
  if (upper != null && upper < 0) return "loses";
  if (lower != null && lower > 0) return "gains";
  return "unsure";
}

function sentence({ mean }, unit, trade, minimum) {
  if (mean.value == null) return `Too few could be entered to tell: ${count(mean.n)} of ${minimum}.`;
  const amount = written(unit, Math.abs(mean.value)).replace(/^[+−±]/, "");
  const kind = kindOf(mean);
  if (kind === "loses") return `Loses ${amount} a ${trade} after your costs.`;
  if (kind === "gains") return `Would have gained ${amount} a ${trade} after your costs.`;
  const way = mean.value < 0 ? "lost" : "gained";
  return `${mean.value === 0 ? "Nothing" : `${amount} a ${trade}`} ${way} after your costs, which may be luck either way.`;
}

function facts(bill, unit) {
  const rows = [
    ["Before fee and slippage", written(unit, bill.before)],
    ["Median", written(unit, bill.median)],
    ["Sum of all", written(unit, bill.total)],
    ["Won after costs", bill.share_positive == null ? UNKNOWN : percent(bill.share_positive, 1)],
    ["Entered", `${count(bill.mean.n)} of ${count(bill.considered)}`],
  ];
  for (const [why, n] of Object.entries({ ...bill.missed, ...bill.unknown })) {
    rows.push([WHY[why] ?? why, count(n)]);
  }
  return rows;
}
