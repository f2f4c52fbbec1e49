"""What a training run says of itself: the printed table and the card beside the network."""

from collections.abc import Iterable, Mapping, Sequence

from predictions.promotion.criteria import Criterion
from training.fitting import NETWORK, UNCHANGED
from training.judging import Judgement
from training.protocol import Outcome, Trial
from training.significance import Comparison, Estimate

CARD = """# Hot forecaster {version}

Served: **{served}**. Predicts the mid price of {symbols} 10 seconds ahead: expected
return, 5 % and 95 % quantiles, P(up), P(flat), P(down).

## Data

Recordings: {recordings}.

- Markets are pooled into one model: inputs in basis points are measured in units of sigma·√10
  (the expected move), as the target is.
- Recordings of several days run side by side: a cut at a share of the time cuts each at its own
  share, so no row teaches about its own recording's future. A model tested on an earlier one has
  seen part of a later one. Symbols of one market share their time, and are cut together.
- Weights are fitted on decisions every 200 ms of replayed frames, or on the loop's own ticks.
  They overlap and so are not that many observations. Their mirror images (up and down exchanged)
  teach too, so that the drift of the time at hand is not learnt. The prior of the classes is
  evened out the same way.
- Weights: {fitted:,} rows. Calibration, on a later slice: {calibrated:,} rows. Labels that end
  within 10 s of a later slice are dropped. Everything is judged on the 2-second grid.

## Calibration

Temperature {temperature:.3f}; 90 % interval: forecast ± {reach:.3f} sigma·√10.

## Figures

Intervals are 95 %, from resampled 60-second blocks with Student's t; a dash means not measurable
here. MAE ratio: to that of no change. Hit rate: zero moves excluded. Vs prior: log-loss skill
against the class shares of the rows that weights were fitted on. 90 %: coverage of the interval.

{report}

Predicted 10-second moves are smaller than trading fees: this is information, not profit.
Seed {seed}; the same seed gives the same result on a CPU.
How the choices were made, and what was known when they were: docs/LAB_LOG.md.
"""

ENOUGH_MINUTES = 7 * 24 * 60
"""Fewer tell of no skill, whatever the figures say."""

HEADINGS = ("model", "R²", "MAE ratio", "hit rate", "log-loss", "vs prior", "Brier", "ECE", "90 %")


def table(judged: Mapping[str, Judgement]) -> str:
    """Return one line a model, as a Markdown table; intervals are 95 %, by blocks of time."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    for name, figures in judged.items():
        cells = (
            name,
            shown(figures.r2, signed=True),
            shown(figures.mae_ratio),
            shown(figures.hit_rate),
            f"{figures.log_loss:.4f}",
            shown(figures.log_loss_skill, signed=True),
            f"{figures.brier:.4f}",
            f"{figures.ece:.3f}",
            shown(figures.coverage),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def shown(estimate: Estimate, *, signed: bool = False) -> str:
    """Return "value [lower, upper]"; a dash for what cannot be told."""
    if estimate.value is None:
        return "-"
    form = "+.3f" if signed else ".3f"
    value = format(estimate.value, form)
    if estimate.lower is None or estimate.upper is None or estimate.lower == estimate.upper:
        return value
    return f"{value} [{estimate.lower:{form}}, {estimate.upper:{form}}]"


def report(outcome: Outcome) -> str:
    """Return the whole result in Markdown: both parts, the comparisons, the conclusion."""
    served = outcome.verdict.served
    parts = [
        "### Walk-forward (what the choice rests on)",
        _size(outcome.walk_forward, served),
        table(outcome.walk_forward.judged()),
        "### Final test (the last 20 % of each recording's time)",
        _size(outcome.final, served),
        table(outcome.final.judged()),
        "### Is the squared error smaller? (Diebold-Mariano, HAC, one-sided p)",
        _comparisons(outcome),
        "### Conclusion",
        conclusion(outcome),
    ]
    parts += ["### The gate", gate_table(outcome.verdict.criteria)]
    alarms = "; ".join(outcome.alarms) if outcome.alarms else "none"
    parts.append(f"Leak alarms: {alarms}.")
    return "\n\n".join(parts) + "\n"


def conclusion(outcome: Outcome) -> str:
    """Return in a few sentences what the figures show, and what they do not."""
    served = outcome.verdict.served
    decisions = outcome.walk_forward.decisions
    figures, final = outcome.walk_forward.judged()[served], outcome.final.judged()[served]
    beaten: list[str] = []
    level: list[str] = []
    for name, comparison in outcome.walk_forward.compared(served).items():
        if name != NETWORK:
            (beaten if _significant(comparison) else level).append(name)
    if served == NETWORK:
        opening = "The network passed the gate and is served."
    else:
        opening = f"The network did not pass the gate; the {served} baseline is served instead."
    minutes = outcome.labelled_ms / 60_000
    sentences = [
        opening,
        f"It is fitted and judged on {minutes:.0f} minutes of labelled data from"
        f" {len(decisions.names)} recording(s)"
        + (": far too little to establish skill." if minutes < ENOUGH_MINUTES else "."),
        f"R² against no change: walk-forward {shown(figures.r2, signed=True)},"
        f" final test {shown(final.r2, signed=True)}.",
        "It significantly beats " + (", ".join(beaten) if beaten else "no other baseline") + ".",
    ]
    if level:
        sentences.append("Not shown to beat: " + ", ".join(level) + ".")
    if UNCHANGED in level:
        sentences.append("Its moves are therefore not shown to be better than saying nothing.")
    return " ".join(sentences)


def card(
    outcome: Outcome, *, version: str, recordings: str, symbols: Sequence[str], seed: int
) -> str:
    """Return the card that lies beside the network."""
    calibration = outcome.calibrations[outcome.verdict.served]
    return CARD.format(
        version=version,
        served=outcome.verdict.served,
        recordings=recordings,
        symbols=", ".join(symbols),
        fitted=outcome.fitted_rows,
        calibrated=outcome.calibrated_rows,
        temperature=calibration.temperature,
        reach=calibration.high,
        report=report(outcome).rstrip(),
        seed=seed,
    )


def gate_table(criteria: Iterable[Criterion]) -> str:
    """Return every criterion of the gate with its figure, as a Markdown table."""
    lines = ["| criterion | figure | asked | passed |", "|---|---|---|---|"]
    for one in criteria:
        figure = "-" if one.figure is None else f"{one.figure:.4f}"
        lines.append(f"| {one.name} | {figure} | {one.asked} | {'yes' if one.passed else 'no'} |")
    return "\n".join(lines)


def _size(trial: Trial, served: str) -> str:
    figures = trial.judged()[served]
    n_eff = "unknown" if figures.r2.n_eff is None else f"{figures.r2.n_eff:.0f}"
    return (
        f"n = {figures.n} decisions in {figures.r2.blocks} blocks, n_eff ≈ {n_eff};"
        f" Brier of the prior {figures.brier_prior:.4f}"
    )


def _comparisons(outcome: Outcome) -> str:
    names = list(dict.fromkeys((NETWORK, outcome.verdict.served)))
    lines = ["| | against | walk-forward p | final test p |", "|---|---|---|---|"]
    for name in names:
        first, last = outcome.walk_forward.compared(name), outcome.final.compared(name)
        lines.extend(
            f"| {name} | {other} | {_p(first[other])} | {_p(last[other])} |" for other in first
        )
    return "\n".join(lines)


def _p(comparison: Comparison) -> str:
    return "-" if comparison.p is None else f"{comparison.p:.3f}"


def _significant(comparison: Comparison) -> bool:
    return comparison.p is not None and comparison.p < 0.01
