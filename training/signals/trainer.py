"""Fits the networks of all splits of all timeframes, one task each, here or on a Dask cluster.

A task goes on from its checkpoint, so that a training killed in the middle, started again,
ends with the same weights. Read by `manage.py train_signals`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from market.candles.series import Integers
from training.signals.datasets import SignalDataset
from training.signals.finished import fit_folder, fit_key, read_fit, write_fit
from training.signals.fitted import EpochNote, FittedNetwork
from training.signals.fitting import checkpoint_files, fit_network
from training.signals.options import FitOptions
from training.signals.protocol import FINAL, fold_name
from training.signals.splitting import signal_splits
from training.signals.sufficiency import require_enough
from training.workplace import Workplace, carry_out

CHECKPOINT_NAME = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class FitTask:
    """One network to fit. rows: [k], numbers of the decisions that teach. variant: a folder of
    the workplace's, where several fits of one split are kept."""

    dataset: SignalDataset
    split: str
    rows: Integers
    options: FitOptions
    variant: str = ""

    @property
    def key(self) -> str:
        return fit_key(self.dataset, self.rows, self.options)


def fit_tasks(dataset: SignalDataset, options: FitOptions) -> list[FitTask]:
    """Return a task for each fold of a dataset and for its final split.

    Raises TooLittleDataError where they are too few to fit, calibrate or judge on.
    """
    require_enough(dataset, options)
    splits = signal_splits(dataset)
    named = [(fold_name(number), split) for number, split in enumerate(splits.folds, 1)]
    return [
        FitTask(dataset, name, np.flatnonzero(split.fit), options)
        for name, split in [*named, (FINAL, splits.final)]
    ]


def train(tasks: Sequence[FitTask], workplace: Workplace) -> list[FittedNetwork]:
    """Fit what is not fitted yet and write it down; the answers are in the tasks' order.

    The same tasks give the same weights whatever the workplace, on machines of one kind.
    Raises WorkplaceError where the cluster cannot be used.
    """
    places = [
        fit_folder(workplace.folder / task.variant, task.dataset.timeframe, task.split)
        for task in tasks
    ]
    found: list[FittedNetwork | None] = [
        read_fit(place, task.key) if workplace.resume else None
        for task, place in zip(tasks, places, strict=True)
    ]
    waiting = [number for number, fitted in enumerate(found) if fitted is None]
    asked = [
        (tasks[number], _checkpoint(places[number], tasks[number]), workplace.resume, position)
        for position, number in enumerate(waiting, start=1)
    ]
    with tqdm(
        total=len(tasks),
        initial=len(tasks) - len(waiting),
        desc="networks",
        unit="network",
        file=sys.stderr,
        disable=None,
    ) as bar:
        for ready, fitted in carry_out(run_task, asked, workplace):
            number, (task, checkpoint, *_) = waiting[ready], asked[ready]
            write_fit(places[number], fitted, task.key, task.options)
            _forget(checkpoint, task)
            found[number] = fitted
            bar.update()
    return [fitted for fitted in found if fitted is not None]


def run_task(task: FitTask, checkpoint: Path, resume: bool, position: int = 1) -> FittedNetwork:
    """Fit one network, from its checkpoint on where it has one; in a process of any machine.

    position: line of the terminal that shows its passes.
    """
    if not resume:
        _forget(checkpoint, task)
    passes = task.options.epochs
    with tqdm(
        total=passes * (1 + task.options.members),
        desc=f"{task.dataset.timeframe} {task.split}",
        unit="pass",
        position=position,
        leave=False,
        file=sys.stderr,
        disable=None,
    ) as bar:

        def watch(note: EpochNote) -> None:
            bar.update(passes * note.member + note.epoch - bar.n)
            bar.set_postfix(loss=f"{note.loss:.4f}")

        return fit_network(
            task.dataset, task.rows, options=task.options, checkpoint=checkpoint, watch=watch
        )


def _checkpoint(folder: Path, task: FitTask) -> Path:
    return folder / f"{task.key[:16]}-{CHECKPOINT_NAME}"


def _forget(checkpoint: Path, task: FitTask) -> None:
    for file in checkpoint_files(checkpoint, task.options):
        file.unlink(missing_ok=True)
