"""The search for a better network of candle signals. Read by `manage.py retrain --trials`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from training.devices import repeatable
from training.evaluation import log_losses
from training.networks import Floats
from training.search.searching import SearchOrder, Told, search
from training.search.spaces import SIGNAL_SPACE, Params, Space, signal_options, signal_params
from training.search.studying import Question
from training.search.variants import Found, Measured
from training.signals.calibration import fit_temperature, tempered
from training.signals.challenger import NetworkModel
from training.signals.datasets import SignalDataset
from training.signals.finished import fit_key
from training.signals.fitted import FittedNetwork
from training.signals.options import FitOptions
from training.signals.protocol import FINAL
from training.signals.splitting import signal_splits
from training.signals.trainer import fit_tasks, train
from training.splits import Split
from training.workplace import Workplace


def search_signals(
    dataset: SignalDataset,
    options: FitOptions,
    workplace: Workplace,
    order: SearchOrder,
    told: Told = lambda _: None,
) -> Found[FitOptions]:
    """Try variants of the network around `options`; the final test stays closed.

    A variant's loss is the mean over the folds of the log-loss on the rows that calibrate, at
    the temperature that they give; its losses on the walk-forward decisions are log-losses, as
    the gate's. Raises TrainingDataError, WorkplaceError, DeviceError.
    """
    return search(_Signals(dataset, options, workplace), order, told)


@dataclass(frozen=True, slots=True)
class _Signals:
    dataset: SignalDataset
    base: FitOptions
    workplace: Workplace

    @property
    def space(self) -> Space:
        return SIGNAL_SPACE

    @property
    def first(self) -> Params:
        return signal_params(self.base)

    @property
    def record(self) -> list[object]:
        return ["signals", fit_key(self.dataset, np.arange(len(self.dataset)), self.base)]

    def options(self, params: Params) -> FitOptions:
        return signal_options(self.base, params)

    def folder(self, name: str, number: int) -> Path:
        return self.workplace.folder / _variant(name, number)

    def measure(self, name: str, questions: Sequence[Question]) -> list[Measured]:
        folds = signal_splits(self.dataset).folds
        tasks = [
            replace(task, variant=_variant(name, question.number))
            for question in questions
            for task in fit_tasks(self.dataset, self.options(question.params))
            if task.split != FINAL
        ]
        fitted = iter(train(tasks, self.workplace))
        with repeatable(threads=self.base.threads):
            return [
                Measured.of([_fold(self.dataset, fold, next(fitted)) for fold in folds])
                for _ in questions
            ]


def _variant(name: str, number: int) -> str:
    return f"{name}/{number:03d}"


def _fold(dataset: SignalDataset, split: Split, fitted: FittedNetwork) -> tuple[float, Floats]:
    inner, judged = np.flatnonzero(split.calibrate), np.flatnonzero(split.test)
    answers = NetworkModel(fitted).predict(dataset, np.concatenate([inner, judged]))
    steps = dataset.timeline.decided_ms[inner] // dataset.timeframe.ms
    temperature = fit_temperature(dataset.label[inner], answers[: len(inner)], steps)
    answers = tempered(answers, temperature)
    losses = log_losses(dataset.label[np.concatenate([inner, judged])], answers)
    return float(losses[: len(inner)].mean()), losses[len(inner) :]
