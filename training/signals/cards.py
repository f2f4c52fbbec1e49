"""What the judging of signal models says in words and tables; read by cards and reports."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from inference.artefacts.signal_manifest import NETWORK_NAME, TORCH_NAME, Hazard, TouchTimes
from training.cards import gate_table, shown
from training.signals.baselines import PRIOR
from training.signals.calibration import THRESHOLD_RULE, Threshold
from training.signals.conclusions import FEES, conclusion, filters_nothing, percent
from training.signals.datasets import SignalDataset
from training.signals.judging import SignalJudgement
from training.signals.labels import LABEL_TEXT
from training.signals.protocol import NETWORK, Outcome
from training.significance import Estimate

ALONE_MS = 30 * 86_400_000
"""A gap before the second coin begins that is worth a sentence: older data of another source."""
OPENED = "How often these figures were seen, and what was decided after: docs/LAB_LOG.md."
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

{opening}

Served: **{served}**. {conclusion}

## What it answers

Probabilities of SHORT, NO_TRADE and LONG at the close of a candle, from the last 60 candles' 14
indicators. Label: {label}.

## Data

{decisions:,} decisions of {coins} coins, {first} to {last} (source: {source}).{alone} Weights
were fitted on {fitted:,} decisions, the temperature ({temperature:.3f}) and the threshold
({threshold:.3f}) on {calibrated:,} later ones; every fit also sees the mirror image of each row.
Everything below is on decisions later than all of these. Threshold: {rule}. {threshold_words}

{tables}

{fees}. This is information, not profit, and no advice.
"""


def card(outcome: Outcome, dataset: SignalDataset, version: str) -> str:
    """Return the card that lies beside the graph."""
    served = outcome.verdict.served
    return CARD.format(
        timeframe=dataset.timeframe,
        version=version,
        opening=what_lies_here(served),
        served=served,
        conclusion=conclusion(outcome),
        alone=alone_words(dataset),
        fees=FEES,
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
                size(outcome.walk_forward.judgements, served),
                table(outcome.walk_forward.judgements),
                "## Final test (the last 20 % of time)",
                OPENED,
                size(outcome.final.judgements, served),
                table(outcome.final.judgements),
                "## The gate",
                gate_table(outcome.verdict.criteria),
                "## Time to the first touch",
                touch_table(outcome.touch_times),
                f"Coverage of the 80 % interval on the final test:"
                f" {shown(outcome.touch_figures.coverage)}.",
                "## Leak alarms",
                "; ".join(outcome.alarms) or "None.",
            )
        ),
    )


def what_lies_here(served: str) -> str:
    """Say what is in the two files of a network's name."""
    if served == NETWORK:
        return f"`{NETWORK_NAME}` is the CNN-LSTM of `{TORCH_NAME}`."
    model = f"a constant, the {served}" if served == PRIOR else f"{served}, a baseline"
    return (
        f"**`{NETWORK_NAME}` here is {model}: no CNN-LSTM, whatever its name says.** The name is"
        f" the one that servers look for. `{TORCH_NAME}` beside it is the CNN-LSTM, which is not"
        " served."
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


def size(judgements: Mapping[str, SignalJudgement], served: str) -> str:
    """Return what the figures rest on: n, blocks, and n_eff of the served model's figures.

    The network's stand beside them: a class prior has none of its own.
    """
    names = tuple(dict.fromkeys((served, NETWORK)))
    one = judgements[served]
    return (
        f"n = {one.n:,} decisions in {one.log_loss_skill.blocks} blocks of 48 candles."
        f" {' '.join(_sizes(name, judgements[name]) for name in names)} Brackets are 95 %"
        " intervals; p is Diebold-Mariano's, one-sided, against the class prior."
    )


def touch_table(times: TouchTimes) -> str:
    """Return the ETA table: median [10 %, 90 %] in minutes, and on how many touches."""
    lines = ["| volatility | LONG | SHORT |", "|---|---|---|"]
    for name, long, short in zip(("calm", "middle", "wild"), times.long, times.short, strict=True):
        lines.append(f"| {name} | {_hazard(long)} | {_hazard(short)} |")
    return "\n".join(lines)


def threshold_words(threshold: Threshold) -> str:
    """Say whether the rule held on the calibration slice, with its figures, and what it filters."""
    if threshold.won is None or threshold.lower is None:
        return "On that slice no such share can be told."
    idle = (
        " It filters nothing: the largest of three probabilities is never below one third."
        if filters_nothing(threshold.value)
        else ""
    )
    held = "held" if threshold.proven else "did not hold at any probability"
    return (
        f"On that slice the rule {held}: {threshold.kept:,} signals kept, of those that touched"
        f" {threshold.won:.1%} touched TP1 first (lower end {threshold.lower:.1%}).{idle}"
    )


def p_words(p: float | None) -> str:
    """Return a p value in words."""
    return "p unknown" if p is None else f"p = {p:.4f}" if p >= 0.0001 else "p < 0.0001"


def _sizes(name: str, one: SignalJudgement) -> str:
    if name == PRIOR:
        return f"The {name} is the yardstick itself: it has no skill and names no direction."
    if one.direction_given_touch.value is None:
        return f"n_eff of {name}: skill {_count(one.log_loss_skill)}; it names no direction."
    touched, surest = one.direction_given_touch, one.top_decile_direction
    return (
        f"n_eff of {name}: skill {_count(one.log_loss_skill)}, direction {_count(touched)} of"
        f" {touched.n:,} touches, surest tenth {_count(surest)} of {surest.n:,}."
    )


def alone_words(dataset: SignalDataset) -> str:
    """Say how much older than the second coin's candles one coin's are; empty where not."""
    # Before the day on which a second coin begins, one market alone is what was learned from.
    begun = np.sort([dataset.decided_ms[dataset.symbol == n].min() for n in set(dataset.symbol)])
    early = dataset.decided_ms < begun[min(1, len(begun) - 1)]
    if not early.any():
        return ""
    until = int(dataset.decided_ms[early].max())
    if begun[1] - until < ALONE_MS:
        return ""
    symbol = dataset.symbols[int(dataset.symbol[early][0])]
    return (
        f" Everything before {_day(int(begun[1]))} is {symbol} alone: {int(early.sum()):,}"
        f" decisions of {_day(int(begun[0]))} to {_day(until)}."
    )


def _hazard(one: Hazard) -> str:
    return f"{one.median:.0f} [{one.low:.0f}, {one.high:.0f}] (n = {one.n:,})"


def _count(estimate: Estimate) -> str:
    return "unknown" if estimate.n_eff is None else f"{estimate.n_eff:.0f}"


def _day(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d}"
