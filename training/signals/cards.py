"""What the judging of signal models says in words and tables; read by cards and reports."""

from collections.abc import Mapping
from datetime import UTC, datetime

from inference.artefacts.signal_manifest import Hazard, TouchTimes
from training.cards import shown
from training.signals.baselines import PRIOR
from training.signals.calibration import THRESHOLD_RULE, Threshold
from training.signals.datasets import SignalDataset
from training.signals.gate import SignalVerdict
from training.signals.judging import SignalJudgement
from training.signals.labels import LABEL_TEXT
from training.signals.protocol import NETWORK, Outcome
from training.significance import Estimate

SIGNIFICANT = 0.01
HEADINGS = (
    "model",
    "log-loss",
    "skill",
    "p",
    "touch skill",
    "direction given touch",
    "top tenth",
    "accuracy",
    "Brier",
    "ECE",
)
CARD = """# Signals {timeframe} {version}

Served: **{served}**. {conclusion}

## What it answers

Probabilities of SHORT, NO_TRADE and LONG at the close of a candle, from the last 60 candles' 14
indicators. Label: {label}.

## Data

{decisions:,} decisions of {coins} coins, {first} to {last} (source: {source}). Weights were fitted
on {fitted:,} decisions, the temperature ({temperature:.3f}) and the threshold ({threshold:.3f}) on
{calibrated:,} later ones; every fit also sees the mirror image of each row. Everything below is on
decisions later than all of these. Threshold: {rule}. {threshold_words}

{tables}

This is information, not profit, and no advice.
"""


def conclusion(outcome: Outcome, dataset: SignalDataset) -> str:
    """Return in one honest sentence what is served, why, and what it is shown to do."""
    verdict = outcome.verdict
    served = verdict.served
    figures, last = outcome.walk_forward.judgements[served], outcome.final.judgements[served]
    if served == NETWORK:
        opening = f"The CNN-LSTM passed the gate against {verdict.best_baseline} and is served"
    else:
        opening = (
            f"The CNN-LSTM did not pass the gate (failed: {'; '.join(verdict.objections)}), so the"
            f" best baseline, {served}, is served"
        )
    if served == PRIOR:
        return (
            f"{opening}: no baseline was shown to tell more than the class shares do, so no"
            f" direction is called; the CNN-LSTM's log-loss skill against it is"
            f" {percent(outcome.walk_forward.judgements[NETWORK].log_loss_skill)} walk-forward and"
            f" {percent(outcome.final.judgements[NETWORK].log_loss_skill)} on the final test."
        )
    return (
        f"{opening}; against the class prior its log-loss skill is"
        f" {percent(figures.log_loss_skill)} walk-forward ({p_words(figures.dm_p)}) and"
        f" {percent(last.log_loss_skill)} on the final test ({p_words(last.dm_p)}),"
        f" {_direction_words(last)}: {_meaning(figures, last)}."
    )


def card(outcome: Outcome, dataset: SignalDataset, version: str) -> str:
    """Return the card that lies beside the graph."""
    served = outcome.verdict.served
    return CARD.format(
        timeframe=dataset.timeframe,
        version=version,
        served=served,
        conclusion=conclusion(outcome, dataset),
        label=LABEL_TEXT,
        decisions=len(dataset),
        coins=len(set(dataset.symbol.tolist())),
        first=_day(int(dataset.decided_ms.min())),
        last=_day(int(dataset.label_end_ms.max())),
        source=dataset.source,
        fitted=outcome.fitted_rows,
        temperature=outcome.temperatures[served],
        threshold=outcome.threshold.value,
        calibrated=outcome.calibrated_rows,
        rule=THRESHOLD_RULE,
        threshold_words=threshold_words(outcome.threshold),
        tables="\n\n".join(
            (
                "## Walk-forward (what the choice rests on)",
                size(outcome.walk_forward.judgements),
                table(outcome.walk_forward.judgements),
                "## Final test (the last 20 % of time, opened once)",
                size(outcome.final.judgements),
                table(outcome.final.judgements),
                "## The gate",
                gate_table(outcome.verdict),
                "## Time to the first touch",
                touch_table(outcome.touch_times),
                f"Coverage of the 80 % interval on the final test:"
                f" {shown(outcome.touch_figures.coverage)}.",
                "## Leak alarms",
                "; ".join(outcome.alarms) or "None.",
            )
        ),
    )


def table(judgements: Mapping[str, SignalJudgement]) -> str:
    """Return one line a model, as a Markdown table; intervals are 95 %, by blocks of time."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    for name, one in judgements.items():
        cells = (
            name,
            f"{one.log_loss:.4f}",
            percent(one.log_loss_skill),
            "-" if one.dm_p is None else p_words(one.dm_p).removeprefix("p ").removeprefix("= "),
            percent(one.touch_skill),
            shown(one.direction_given_touch),
            shown(one.top_decile_direction),
            shown(one.accuracy),
            f"{one.brier:.4f}",
            f"{one.ece:.3f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def size(judgements: Mapping[str, SignalJudgement]) -> str:
    """Return what the figures rest on: n, blocks, n_eff of the skill and of the direction."""
    one = list(judgements.values())[-1]
    touched, surest = one.direction_given_touch, one.top_decile_direction
    return (
        f"n = {one.n:,} decisions in {one.log_loss_skill.blocks} blocks of 48 candles; n_eff of the"
        f" skill {_count(one.log_loss_skill)}, of the direction {_count(touched)} of"
        f" {touched.n:,} touches, of the surest tenth {_count(surest)} of {surest.n:,}. Brackets"
        " are 95 % intervals; p is Diebold-Mariano's, one-sided, against the class prior."
    )


def gate_table(verdict: SignalVerdict) -> str:
    """Return every criterion of the gate with its figure."""
    lines = ["| criterion | figure | asked | passed |", "|---|---|---|---|"]
    for one in verdict.criteria:
        figure = "-" if one.figure is None else f"{one.figure:.4f}"
        lines.append(f"| {one.name} | {figure} | {one.asked} | {'yes' if one.passed else 'no'} |")
    return "\n".join(lines)


def touch_table(times: TouchTimes) -> str:
    """Return the ETA table: median [10 %, 90 %] in minutes, and on how many touches."""
    lines = ["| volatility | LONG | SHORT |", "|---|---|---|"]
    for name, long, short in zip(("calm", "middle", "wild"), times.long, times.short, strict=True):
        lines.append(f"| {name} | {_hazard(long)} | {_hazard(short)} |")
    return "\n".join(lines)


def threshold_words(threshold: Threshold) -> str:
    """Say whether the rule held on the calibration slice, with its figures."""
    if threshold.won is None or threshold.lower is None:
        return "On that slice no such share can be told."
    held = "held" if threshold.proven else "did not hold at any probability"
    return (
        f"On that slice the rule {held}: {threshold.kept:,} signals kept, of those that touched"
        f" {threshold.won:.1%} touched TP1 first (lower end {threshold.lower:.1%})."
    )


def percent(estimate: Estimate) -> str:
    """Return "+1.23 % [lower, upper]"; a dash for what cannot be told."""
    if estimate.value is None:
        return "-"
    value = f"{100 * estimate.value:.2f} %"
    if estimate.lower is None or estimate.upper is None or estimate.lower == estimate.upper:
        return value
    return f"{value} [{100 * estimate.lower:.2f}, {100 * estimate.upper:.2f}]"


def p_words(p: float | None) -> str:
    """Return a p value in words."""
    return "p unknown" if p is None else f"p = {p:.4f}" if p >= 0.0001 else "p < 0.0001"


def _meaning(figures: SignalJudgement, last: SignalJudgement) -> str:
    values = [one.dm_p for one in (figures, last)]
    if all(p is not None and p < SIGNIFICANT for p in values):
        return "small, but more than chance in both"
    if any(p is not None and p < SIGNIFICANT for p in values):
        return "more than chance in one of the two alone"
    return "not shown to be more than the class shares say"


def _direction_words(last: SignalJudgement) -> str:
    if last.direction_given_touch.value is None:
        return "and it names no direction"
    return f"the direction given a touch is right in {percent(last.direction_given_touch)} there"


def _hazard(one: Hazard) -> str:
    return f"{one.median:.0f} [{one.low:.0f}, {one.high:.0f}] (n = {one.n:,})"


def _count(estimate: Estimate) -> str:
    return "unknown" if estimate.n_eff is None else f"{estimate.n_eff:.0f}"


def _day(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d}"
