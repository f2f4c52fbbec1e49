"""Fit, calibrate and judge every signal model alike: walk-forward first, the last part once.

Read by `evaluate_signals`. The first 80 % of time is for choosing; the last 20 % is opened once,
after the choice, and judges what is shipped: fitted before it, never again after.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inference.artefacts.signal_manifest import TouchTimes
from inference.signals.levels import HORIZON_CANDLES
from market.candles.series import Floats, Integers
from training.alarms import every_alarm, signal_alarms
from training.criteria import Choice
from training.signals.baselines import (
    BASELINES,
    LOGISTIC,
    PRIOR,
    TREES,
    VOLATILITY,
    SignalModel,
    class_shares,
    fit_logistic,
    fit_prior,
    fit_trees,
    fit_volatility,
)
from training.signals.calibration import Threshold, fit_temperature, fit_threshold, tempered
from training.signals.datasets import SignalDataset
from training.signals.gate import Contest, best_baseline, decide
from training.signals.judging import Judged, SignalJudgement, compare, judge
from training.signals.splitting import signal_splits
from training.signals.touch_times import covered, touch_times
from training.significance import Comparison, Estimate, ratio_estimate
from training.splits import ProtocolSplits, Split
from training.superiority import Trials

NETWORK = "CNN-LSTM"
FINAL = "final"
Fit = Callable[[SignalDataset, Integers, str], SignalModel]
"""dataset, the rows that teach, the split's name → a fitted model."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Models' calibrated answers to one split's test, and the models themselves."""

    judged: Judged
    answers: dict[str, Floats]
    models: dict[str, SignalModel]
    temperatures: dict[str, float]


@dataclass(frozen=True, slots=True)
class TouchFigures:
    """The ETA table on the final test: coverage of its 80 % interval, mean error in minutes."""

    coverage: Estimate
    mean_error_minutes: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a run found. models, temperatures: of the final split, as shipped."""

    walk_forward: Contest
    final: Contest
    models: dict[str, SignalModel]
    temperatures: dict[str, float]
    verdict: Choice
    threshold: Threshold
    touch_times: TouchTimes
    touch_figures: TouchFigures
    fitted_rows: int
    calibrated_rows: int

    @property
    def alarms(self) -> tuple[str, ...]:
        return alarms(self.walk_forward.judgements, self.final.judgements)


def baseline_fits(*, seed: int, threads: int = 1) -> dict[str, Fit]:
    """Return how each baseline is fitted, simplest first."""
    return {
        PRIOR: lambda dataset, rows, _: fit_prior(dataset, rows),
        VOLATILITY: lambda dataset, rows, _: fit_volatility(dataset, rows),
        LOGISTIC: lambda dataset, rows, _: fit_logistic(dataset, rows),
        TREES: lambda dataset, rows, _: fit_trees(dataset, rows, seed=seed, threads=threads),
    }


def run_protocol(
    dataset: SignalDataset,
    fits: Mapping[str, Fit],
    told: Callable[[str], None] = lambda _: None,
    others: Trials | None = None,
) -> Outcome:
    """Judge every fit walk-forward, choose, then open the last 20 % of time once.

    fits: the baselines and NETWORK. told: hears which split is at hand. others: the other
    variants that the network is the best of, by their walk-forward losses.
    Raises TrainingDataError where there are too few decisions.
    """
    splits = signal_splits(dataset)
    trials = walk_forward_trials(dataset, splits, fits, told)
    told(FINAL)
    last = run_split(dataset, splits.final, FINAL, fits)
    walk_forward, final = contest(trials), contest([last])
    champion = best_baseline(
        walk_forward, lambda one, other: compared(walk_forward, one, other), BASELINES
    )
    verdict = decide(NETWORK, champion, BASELINES, walk_forward, final, others)
    calibrating = np.flatnonzero(splits.final.calibrate)
    served = last.models[verdict.served].predict(dataset, calibrating)
    calibrated = tempered(served, last.temperatures[verdict.served])
    slice_ = judged_rows(dataset, calibrating, np.ones(3) / 3)
    taught = np.flatnonzero(splits.final.fit | splits.final.calibrate)
    table = touch_times(dataset, taught)
    return Outcome(
        walk_forward=walk_forward,
        final=final,
        models=last.models,
        temperatures=last.temperatures,
        verdict=verdict,
        threshold=fit_threshold(dataset.label[calibrating], calibrated, slice_.blocks),
        touch_times=table,
        touch_figures=touch_figures(table, dataset, np.flatnonzero(splits.final.test)),
        fitted_rows=int(splits.final.fit.sum()),
        calibrated_rows=len(calibrating),
    )


def walk_forward_trials(
    dataset: SignalDataset,
    splits: ProtocolSplits,
    fits: Mapping[str, Fit],
    told: Callable[[str], None] = lambda _: None,
) -> list[Trial]:
    """Fit and answer fold after fold."""
    trials = []
    for number, split in enumerate(splits.folds, 1):
        told(fold_name(number))
        trials.append(run_split(dataset, split, fold_name(number), fits))
    return trials


def fold_name(number: int) -> str:
    """Return how the fold, from 1, is called in files and messages."""
    return f"fold-{number}"


def run_split(dataset: SignalDataset, split: Split, name: str, fits: Mapping[str, Fit]) -> Trial:
    """Fit on one split, set the temperature on its later slice, answer its test."""
    fitting, calibrating, testing = map(np.flatnonzero, (split.fit, split.calibrate, split.test))
    models, temperatures, answers = {}, {}, {}
    steps = dataset.timeline.decided_ms // dataset.timeframe.ms
    for model_name, fit in fits.items():
        model = fit(dataset, fitting, name)
        temperature = 1.0
        if model_name != PRIOR:  # the yardstick stays what it is
            answered = model.predict(dataset, calibrating)
            temperature = fit_temperature(dataset.label[calibrating], answered, steps[calibrating])
        models[model_name], temperatures[model_name] = model, temperature
        answers[model_name] = tempered(model.predict(dataset, testing), temperature)
    judged = judged_rows(dataset, testing, class_shares(dataset, fitting))
    return Trial(judged, answers, models, temperatures)


def judged_rows(dataset: SignalDataset, rows: Integers, prior: Floats) -> Judged:
    """Return what judges `rows`; prior: [3]."""
    steps = dataset.timeline.decided_ms // dataset.timeframe.ms
    return Judged(
        timeframe=dataset.timeframe,
        decided_ms=dataset.decided_ms[rows],
        step=steps[rows],
        label=dataset.label[rows],
        atr_ratio=dataset.atr_ratio[rows],
        touch_minutes=dataset.touch_minutes[rows],
        prior=np.tile(prior, (len(rows), 1)),
    )


def contest(trials: Sequence[Trial]) -> Contest:
    """Return the trials' rows as one contest, fold after fold, each model judged."""
    judged = Judged.joined([trial.judged for trial in trials])
    answers = {
        name: np.concatenate([trial.answers[name] for trial in trials])
        for name in trials[0].answers
    }
    return Contest(
        judged, answers, {name: judge(name, one, judged) for name, one in answers.items()}
    )


def compared(rivals: Contest, one: str, other: str) -> Comparison:
    """Compare two models on the same decisions."""
    return compare(rivals.answers[one], rivals.answers[other], rivals.judged)


def touch_figures(table: TouchTimes, dataset: SignalDataset, rows: Integers) -> TouchFigures:
    """Grade the ETA table on the touches among `rows`."""
    inside, errors = covered(table, dataset, rows)
    touched = rows[np.isfinite(dataset.touch_minutes[rows])]
    blocks = judged_rows(dataset, touched, np.ones(3) / 3).blocks
    coverage = ratio_estimate(inside, np.ones(len(inside)), blocks, overlap=HORIZON_CANDLES)
    return TouchFigures(coverage, float(errors.mean()) if len(errors) else None)


def alarms(
    walk_forward: Mapping[str, SignalJudgement], final: Mapping[str, SignalJudgement]
) -> tuple[str, ...]:
    """Name every figure past its leak alarm, and where."""
    return every_alarm(walk_forward, final, lambda one: signal_alarms(one.figures()))
