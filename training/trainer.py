"""Fits forecasters of all folds, one task each, here or on a Dask cluster.

What is fitted is written down at once: a training that was killed, started again, fits the rest
alone. Read by `manage.py train_forecaster`, by `retrain` and by the search.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tqdm import tqdm

from training.candidates import Candidate
from training.decisions import Decisions
from training.devices import repeatable
from training.finished import fit_key, read_fit, write_fit
from training.fitting import FITTED, fit_named, options_read
from training.options import ForecastOptions
from training.protocol import Fit
from training.recordings import TrainingDataError
from training.splitting import forecast_splits
from training.workplace import Workplace, carry_out


@dataclass(frozen=True, slots=True)
class FitTask:
    """One model to fit on these decisions, all of which teach."""

    decisions: Decisions
    name: str
    options: ForecastOptions

    @property
    def key(self) -> str:
        return fit_key(self.decisions, self.name, options_read(self.name, self.options))


def fit_tasks(
    decisions: Decisions, options: ForecastOptions, names: Sequence[str] = FITTED
) -> list[FitTask]:
    """Return a task for each model in each fold and in the final split.

    Raises TrainingDataError where the recordings are too short to be split.
    """
    splits = forecast_splits(decisions)
    return [
        FitTask(taught, name, options)
        for taught in (decisions.take(split.fit) for split in (*splits.folds, splits.final))
        for name in names
    ]


def train(tasks: Sequence[FitTask], workplace: Workplace) -> list[Candidate]:
    """Fit what is not fitted yet and write it down; the answers are in the tasks' order.

    The same tasks give the same weights whatever the workplace, on machines of one kind.
    Raises WorkplaceError where the workplace cannot be used, DeviceError, TrainingDataError.
    """
    keys = [task.key for task in tasks]
    found: list[Candidate | None] = [
        read_fit(workplace.folder, key) if workplace.resume else None for key in keys
    ]
    waiting = [number for number, fitted in enumerate(found) if fitted is None]
    with tqdm(
        total=len(tasks),
        initial=len(tasks) - len(waiting),
        desc="forecasters",
        unit="fit",
        file=sys.stderr,
        disable=None,
    ) as bar:
        for ready, fitted in carry_out(run_task, [(tasks[one],) for one in waiting], workplace):
            number = waiting[ready]
            write_fit(workplace.folder, keys[number], fitted)
            found[number] = fitted
            bar.update()
    return [fitted for fitted in found if fitted is not None]


def run_task(task: FitTask) -> Candidate:
    """Fit one model, in a process of any machine."""
    with repeatable(threads=task.options.threads, device=task.options.device):
        return fit_named(task.name, task.decisions, task.options)


def stored_fits(
    workplace: Workplace, options: ForecastOptions, names: Sequence[str] = FITTED
) -> dict[str, Fit]:
    """Return "fits" for the protocol that take what `train` left in the workplace.

    They raise TrainingDataError where a fit of these decisions and options is not there.
    """

    def stored(name: str) -> Callable[[Decisions], Candidate]:
        def fit(decisions: Decisions) -> Candidate:
            found = read_fit(workplace.folder, FitTask(decisions, name, options).key)
            if found is None:
                raise TrainingDataError(
                    f"{workplace.folder} holds no {name} of these recordings and options: train it"
                )
            return found

        return fit

    return {name: stored(name) for name in names}
