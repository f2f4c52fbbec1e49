"""Weights of a signal network from labelled decisions; called a split at a time.

How many passes are enough is told by a trial on the earlier part of the fit's own rows, judged
on their later part. Then the members of the network learn from all of the rows that long.
Calibration and test rows are never looked at.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from market.candles.series import Integers
from training.devices import repeatable
from training.recordings import TrainingDataError
from training.signals.checkpoints import Checkpoints
from training.signals.datasets import SignalDataset
from training.signals.descent import Descent
from training.signals.fitted import EpochNote, FittedNetwork
from training.signals.merging import merge
from training.signals.options import FitOptions

MINIMUM_ROWS = 200
TRIAL = 0
CHECKPOINT_SECONDS = 5.0
Watch = Callable[[EpochNote], None]


@dataclass(frozen=True, slots=True)
class Rows:
    """Decisions that a trial learns from, and the later ones that judge it."""

    early: Integers
    late: Integers


def fit_network(
    dataset: SignalDataset,
    fit_rows: Integers,
    *,
    options: FitOptions,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    watch: Watch | None = None,
) -> FittedNetwork:
    """Fit one network on `fit_rows` [k], row numbers of `dataset`; its temperature is 1.

    checkpoint: names the files that hold the fit after a pass, written not more often than each
    checkpoint_seconds; where they exist the fit goes on from them. watch: told of each pass. The
    same seed gives the same weights on a CPU, with and without an interruption.
    Raises TrainingDataError where there are too few rows.
    """
    rows = np.sort(fit_rows)
    inner = inner_split(dataset, rows, options.inner_share)

    def descend(descent: Descent, member: int) -> FittedNetwork:
        kept = None
        if checkpoint is not None:
            kept = Checkpoints(_of_member(checkpoint, member), checkpoint_seconds)
            descent.resume(kept.path)
        while not descent.finished:
            note = descent.step()
            if kept is not None:
                kept.offer(descent.state)
            if watch is not None:
                watch(note)
        return descent.fitted()

    with repeatable(threads=options.threads, device=options.device):
        trial = Descent(dataset, inner.early, options, member=TRIAL, judge_rows=inner.late)
        tried = descend(trial, TRIAL)
        passes = max(trial.best_pass, min(options.least_epochs, options.epochs))
        settled = replace(options, epochs=passes, patience=passes)
        members = [
            descend(Descent(dataset, rows, settled, member=number), number)
            for number in range(1, options.members + 1)
        ]
    return _ensemble(tried, members)


def checkpoint_files(checkpoint: Path, options: FitOptions) -> list[Path]:
    """Return the files that a fit keeps its states in."""
    return [_of_member(checkpoint, number) for number in range(options.members + 1)]


def inner_split(dataset: SignalDataset, rows: Integers, share: float) -> Rows:
    """Cut rows in time: labels of the early ones end before the late ones are decided."""
    if len(rows) < MINIMUM_ROWS:
        raise TrainingDataError(
            f"{len(rows)} decisions of {dataset.timeframe} to fit a network on; at least"
            f" {MINIMUM_ROWS} are needed: give more candles"
        )
    timeline = dataset.timeline
    decided = timeline.decided_ms[rows]
    first, last = int(decided.min()), int(decided.max())
    boundary = first + round(share * (last - first))
    early = rows[timeline.label_end_ms[rows] < boundary]
    late = rows[decided >= boundary]
    if not len(early) or not len(late):
        raise TrainingDataError(
            f"the {dataset.timeframe} decisions span too little time to see when to stop: give"
            " more candles"
        )
    return Rows(early, late)


def _ensemble(trial: FittedNetwork, members: list[FittedNetwork]) -> FittedNetwork:
    fits = [trial, *members]
    speeds = [one.samples_per_s for one in fits if one.samples_per_s is not None]
    return FittedNetwork(
        merge([one.state_dict for one in members]),
        members[0].scaling,
        tuple(note for one in fits for note in one.history),
        sum(speeds) / len(speeds) if speeds else None,
    )


def _of_member(checkpoint: Path, number: int) -> Path:
    return checkpoint.with_name(f"{checkpoint.stem}-{number}{checkpoint.suffix}")
