"""Whether there is enough to fit, calibrate and judge on: told before anything is fitted.

Read by retraining and by both training commands. A forecaster's recordings are checked here,
signals' candles in `training.signals.sufficiency`, both with the splits of the protocol.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from market.hot.vector import HORIZON_MS, TICK_MS
from predictions.accuracy.hours import HOUR_MS
from training.calibration import MINIMUM_ROWS as LEAST_CALIBRATED
from training.fitting import MINIMUM_ROWS as LEAST_TAUGHT
from training.fitting import inner_rows
from training.forecast_datasets import ForecastDataset
from training.recordings import TooLittleDataError
from training.splits import FIRST_TEST, Split
from training.splitting import CALIBRATION_SHARE, EMBARGO_MS, forecast_splits

FINAL = "the final split"


@dataclass(frozen=True, slots=True)
class Least:
    """How many decisions each part of a split must have."""

    taught: int
    calibrated: int
    judged: int = 1


def first_lack(folds: Sequence[Split], final: Split, least: Least) -> str:
    """Say which part of which split has too few decisions, the first of them; "" for none."""
    names = [f"fold {number}" for number in range(1, len(folds) + 1)]
    for name, split in zip([*names, FINAL], [*folds, final], strict=True):
        for verb, rows, needed in (
            ("learns from", split.fit, least.taught),
            ("calibrates on", split.calibrate, least.calibrated),
            ("is judged on", split.test, least.judged),
        ):
            there = int(rows.sum())
            if there < needed:
                return f"{name} {verb} {there:,}, and {needed:,} are needed"
    return ""


def require_enough(dataset: ForecastDataset) -> None:
    """Raise TooLittleDataError, saying how much there is and how much is needed, in rows and time.

    It is cheap beside a fit.
    """
    decisions = dataset.decisions
    splits = forecast_splits(decisions)
    tests = [
        Split(one.fit, one.calibrate, one.test & decisions.on_grid)
        for one in (*splits.folds, splits.final)
    ]
    lack = first_lack(tests[:-1], tests[-1], Least(LEAST_TAUGHT, LEAST_CALIBRATED))
    if not lack:
        _require_inner(dataset, tests)
        return
    there, needed = recorded_ms(dataset), needed_ms(dataset)
    if there < needed:
        rows = round(len(dataset) * needed / max(there, TICK_MS))
        raise TooLittleDataError(
            f"{dataset.source}: too short. {_amount(len(dataset), there)} are recorded, about"
            f" {_amount(rows, needed)} are needed: {lack}"
        )
    raise TooLittleDataError(
        f"{dataset.source}: {_amount(len(dataset), there)} are recorded, with a break where none"
        f" may be: {lack}; more hours make it the smaller"
    )


def recorded_ms(dataset: ForecastDataset) -> int:
    """Return how long the recordings last together, from first decision to last, breaks and all."""
    timeline = dataset.decisions.timeline
    lasting = 0
    for recording in np.unique(timeline.recording):
        decided = timeline.decided_ms[timeline.recording == recording]
        lasting += int(decided.max() - decided.min())
    return lasting


def needed_ms(dataset: ForecastDataset) -> int:
    """Return about how long recordings with as many decisions an hour must last.

    The first fold is the shortest: it learns, then calibrates, on what lies before FIRST_TEST,
    each part less the horizon and the embargo at its end.
    """
    recordings = len(np.unique(dataset.decisions.recording))
    each_ms = max(recorded_ms(dataset), TICK_MS) / len(dataset)
    purged = recordings * (HORIZON_MS + EMBARGO_MS)
    taught = (LEAST_TAUGHT * each_ms + purged) / (FIRST_TEST * (1 - CALIBRATION_SHARE))
    calibrated = (LEAST_CALIBRATED * each_ms + purged) / (FIRST_TEST * CALIBRATION_SHARE)
    return round(max(taught, calibrated))


def _require_inner(dataset: ForecastDataset, splits: Sequence[Split]) -> None:
    try:
        for split in splits:
            inner_rows(dataset.decisions.take(split.fit))
    except TooLittleDataError as error:
        raise TooLittleDataError(f"{dataset.source}: {error}") from error


def _amount(rows: int, lasting_ms: float) -> str:
    hours = lasting_ms / HOUR_MS
    return f"{rows:,} decisions over " + (
        f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"
    )
