"""The search for a better forecaster. Read by `manage.py retrain --trials`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.candidates import Candidate
from training.decisions import Decisions
from training.devices import repeatable
from training.evaluation import r_squared, squared_errors
from training.finished import fit_key
from training.fitting import NETWORK
from training.networks import Floats
from training.options import ForecastOptions
from training.search.searching import SearchOrder, Told, search
from training.search.spaces import (
    FORECAST_SPACE,
    Params,
    Space,
    forecast_options,
    forecast_params,
)
from training.search.studying import Question
from training.search.variants import Found, Measured
from training.splits import Split
from training.splitting import forecast_splits
from training.trainer import FitTask, train
from training.workplace import Workplace


def search_forecasts(
    decisions: Decisions,
    options: ForecastOptions,
    workplace: Workplace,
    order: SearchOrder,
    told: Told = lambda _: None,
) -> Found[ForecastOptions]:
    """Try variants of the network around `options`; the final test stays closed.

    A variant's loss is the mean over the folds of Σ(y - ŷ)² / Σy² on the rows that calibrate;
    its losses on the walk-forward decisions are squared errors in bp², as the gate's.
    Raises TrainingDataError, WorkplaceError, DeviceError.
    """
    return search(_Forecasts(decisions, options, workplace), order, told)


@dataclass(frozen=True, slots=True)
class _Forecasts:
    decisions: Decisions
    base: ForecastOptions
    workplace: Workplace

    @property
    def space(self) -> Space:
        return FORECAST_SPACE

    @property
    def first(self) -> Params:
        return forecast_params(self.base)

    @property
    def record(self) -> list[object]:
        return ["forecasts", fit_key(self.decisions, NETWORK, self.base.as_record())]

    def options(self, params: Params) -> ForecastOptions:
        return forecast_options(self.base, params)

    def folder(self, name: str, number: int) -> Path:
        return self.workplace.folder

    def measure(self, name: str, questions: Sequence[Question]) -> list[Measured]:
        folds = forecast_splits(self.decisions).folds
        tasks = [
            FitTask(self.decisions.take(fold.fit), NETWORK, self.options(question.params))
            for question in questions
            for fold in folds
        ]
        fitted = iter(train(tasks, self.workplace))
        with repeatable(threads=self.base.threads):
            return [
                Measured.of([_fold(self.decisions, fold, next(fitted)) for fold in folds])
                for _ in questions
            ]


def _fold(decisions: Decisions, split: Split, candidate: Candidate) -> tuple[float, Floats]:
    inner = decisions.take(split.calibrate)
    judged = decisions.take(split.test & decisions.on_grid)
    skill = r_squared(inner.returns_bp, candidate.predict(inner.features)[:, 0])
    return 1 - skill, squared_errors(judged.returns_bp, candidate.predict(judged.features)[:, 0])
