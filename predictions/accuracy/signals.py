"""What signals were worth: every figure with its interval and beside its baseline.

Read by `/api/accuracy`, `manage.py accuracy_report` and the quality that the recorder tells.
Probabilities and classes are in the order SHORT, NO_TRADE, LONG.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.signals.levels import HORIZON_CANDLES
from inference.vocabulary import DIRECTIONS, Direction
from predictions.accuracy.calibration import calibration
from predictions.accuracy.figures import Figure, calibration_figure, figure, losses_of_shares
from predictions.accuracy.graded_signals import MINIMUM, GradedSignals
from predictions.accuracy.hours import BINS
from predictions.accuracy.intervals import ratio_estimate, skill_estimate
from predictions.accuracy.losses import brier_scores, log_losses
from predictions.accuracy.signal_rows import FoundSignals, SignalRow

Integers = npt.NDArray[np.int64]

ETA_COVERAGE = 0.8
BANDS = (0.0, 0.4, 0.45, 0.5, 0.6, 1.0)
"""Edges of bands of confidence, which is the largest of the three probabilities."""

GROUPINGS: dict[str, Callable[[SignalRow], str]] = {
    "symbol": lambda row: row.symbol,
    "timeframe": lambda row: row.timeframe,
    "model_version": lambda row: row.model_version,
    "role": lambda row: row.role,
    "band": lambda row: band_name(int(np.searchsorted(BANDS[1:-1], row.confidence, "right"))),
}


def summary(found: FoundSignals) -> dict[str, Any]:
    """Return the figures of the signals that a question found."""
    counts = {"said": found.said, "late": found.late, "revisions": found.revisions}
    return counts | {"limited": found.limited} | figures(found.rows)


def figures(rows: Sequence[SignalRow]) -> dict[str, Any]:
    """Return the figures of signals, one a candle, in order of time."""
    graded_rows = [row for row in rows if row.graded]
    refused = Counter(
        row.outcome__reason or ""
        for row in rows
        if row.outcome__status is not None and not row.graded
    )
    graded = GradedSignals(graded_rows)
    fees = {row.outcome__fee_bp for row in graded_rows} - {None}
    return {
        "candles": len(rows),
        "n": graded.n,
        "ungradable": dict(sorted(refused.items())),
        "open": len(rows) - graded.n - refused.total(),
        "results": dict(sorted(Counter(row.outcome__result or "" for row in graded_rows).items())),
        "no_trade_share": _no_trade_share(rows),
        "accuracy": graded.accuracy(),
        "hit_rate": graded.hit_rate(graded.called),
        "take_profit_rate": graded.take_profit_rate(graded.called),
        "brier": _loss(graded, "brier"),
        "log_loss": _loss(graded, "log_loss"),
        "calibration": _calibration(graded),
        "mean_r": graded.mean_r(graded.called),
        "mean_r_after_fees": graded.mean_r_after_fees(graded.called),
        "fee_bp": fees.pop() if len(fees) == 1 else None,
        "eta_coverage": graded.mean(graded.eta, baseline=ETA_COVERAGE),
    }


def grouped(found: FoundSignals, by: str) -> list[dict[str, Any]]:
    """Return the figures for each value of some of GROUPINGS ("symbol,timeframe")."""
    names = by.split(",")
    groups: defaultdict[tuple[str, ...], list[SignalRow]] = defaultdict(list)
    for row in found.rows:
        groups[tuple(GROUPINGS[name](row) for name in names)].append(row)
    return [
        dict(zip(names, key, strict=True)) | figures(group) for key, group in sorted(groups.items())
    ]


def three_class_accuracy(rows: Sequence[SignalRow]) -> float | None:
    """Return the share of signals whose likeliest class happened; None below the minimum."""
    graded = GradedSignals(rows)
    if graded.n < MINIMUM:
        return None
    return float((graded.probabilities.argmax(axis=1) == graded.came).mean())


def band_name(index: int) -> str:
    """Return what the index-th band of BANDS is called."""
    return f"{BANDS[index]:.2f}-{BANDS[index + 1]:.2f}"


def bands_of(confidence: npt.ArrayLike) -> Integers:
    """Return the index of the band that each confidence lies in."""
    found: Integers = np.searchsorted(BANDS[1:-1], confidence, "right").astype(np.int64)
    return found


def _no_trade_share(rows: Sequence[SignalRow]) -> float | None:
    if len(rows) < MINIMUM:
        return None
    return sum(row.direction == Direction.NO_TRADE for row in rows) / len(rows)


def _loss(graded: GradedSignals, name: str) -> Figure:
    score = log_losses if name == "log_loss" else brier_scores
    losses = score(graded.came, graded.probabilities)
    base = losses_of_shares(name, graded.shares)[graded.came]
    ratio = ratio_estimate(losses, base, graded.blocks, overlap=HORIZON_CANDLES)
    return graded.mean(
        losses,
        baseline=float(base.mean()) if graded.n else None,
        skill=figure(skill_estimate(ratio), MINIMUM),
    )


def _calibration(graded: GradedSignals) -> Figure:
    by_class = {}
    for index, direction in enumerate(DIRECTIONS):
        said = graded.probabilities[:, index]
        places = np.clip((said * BINS).astype(np.int64), 0, BINS - 1)
        found = calibration(
            np.bincount(places, minlength=BINS).astype(np.float64),
            np.bincount(places, said, minlength=BINS).astype(np.float64),
            np.bincount(places, graded.came == index, minlength=BINS).astype(np.float64),
        )
        by_class[direction.value] = calibration_figure(found, MINIMUM)
    eces = [each["ece"] for each in by_class.values()]
    known = None not in eces
    return {"ece": sum(eces) / len(eces) if known else None, "n": graded.n, "by_class": by_class}
