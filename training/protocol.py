"""Fit, calibrate and judge every model alike: walk-forward first, the last part once.

Read by `train_forecaster`. The recordings run side by side (see splits); the first 80 % of
each one's time is for choosing, the last 20 % is opened once, after the choice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from training.alarms import every_alarm, leak_alarms
from training.calibration import calibrate
from training.candidates import Calibration, Candidate, GraphCandidate
from training.criteria import Choice
from training.decisions import Decisions
from training.decisions import joined as joined_decisions
from training.fitting import FITTED, MICROPRICE_LINEAR, NETWORK, RIDGE, fit_named
from training.gate import Contest, Graded, best_baseline, decide_served
from training.judging import Judgement, compare, judge
from training.networks import Floats
from training.options import ForecastOptions
from training.significance import Comparison
from training.splits import Mask, Split
from training.splitting import forecast_splits
from training.superiority import Trials

SERVABLE_BASELINES = (MICROPRICE_LINEAR, RIDGE)
"""Simplest first. "Zero change" is the yardstick and names no direction; the graph cannot hold
LightGBM. Both are measured, not shipped."""

Fit = Callable[[Decisions], Candidate]


@dataclass(frozen=True, slots=True)
class Trial:
    """Every model's forecasts of the same decisions; prior: class shares, [n, 3]."""

    decisions: Decisions
    answers: dict[str, Floats]
    prior: Floats

    def judged(self, rows: Mask | None = None) -> dict[str, Judgement]:
        """Judge every model, on all rows or on some."""
        asked = self if rows is None else self.take(rows)
        return {
            name: judge(name, answers, asked.prior, asked.decisions)
            for name, answers in asked.answers.items()
        }

    def take(self, rows: Mask) -> "Trial":
        """Return some of the decisions."""
        answers = {name: one[rows] for name, one in self.answers.items()}
        return Trial(self.decisions.take(rows), answers, self.prior[rows])

    def compared(self, name: str) -> dict[str, Comparison]:
        """Compare one model with each of the others."""
        return {other: self.pair(name, other) for other in self.answers if other != name}

    @property
    def contest(self) -> Contest:
        """The answers as the gate weighs them."""
        return Contest(Graded.of(self.decisions), self.answers)

    def pair(self, model: str, baseline: str) -> Comparison:
        """Compare one model with one other."""
        return compare(self.answers[model], self.answers[baseline], self.decisions)


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a training run found. candidates: fitted on the first 80 %, as shipped."""

    walk_forward: Trial
    final: Trial
    candidates: dict[str, Candidate]
    calibrations: dict[str, Calibration]
    fitted_rows: int
    calibrated_rows: int
    labelled_ms: int
    verdict: Choice
    alarms: tuple[str, ...]

    @property
    def served(self) -> GraphCandidate:
        """The candidate to ship."""
        candidate = self.candidates[self.verdict.served]
        if not isinstance(candidate, GraphCandidate):
            raise TypeError(f"{candidate.name} has no graph to export")
        return candidate


def standard_fits(options: ForecastOptions) -> dict[str, Fit]:
    """Return how each baseline and the network are fitted, one after the other, here."""
    return {name: partial(fit_named, name, options=options) for name in FITTED}


def run_protocol(
    decisions: Decisions, fits: Mapping[str, Fit], trials: Trials | None = None
) -> Outcome:
    """Judge every fit walk-forward, choose, then open the last 20 % of time once.

    trials: the other variants that the network is the best of, by their walk-forward losses.
    Raises TrainingDataError where the recordings are too short.
    """
    splits = forecast_splits(decisions)
    chosen_on = joined([run_split(decisions, split, fits)[0] for split in splits.folds])
    final, candidates, calibrations = run_split(decisions, splits.final, fits)
    judged, final_judged = chosen_on.judged(), final.judged()
    champion = best_baseline(judged, chosen_on.pair, SERVABLE_BASELINES)
    verdict = decide_served(NETWORK, champion, chosen_on.contest, final.contest, trials)
    return Outcome(
        walk_forward=chosen_on,
        final=final,
        candidates=candidates,
        calibrations=calibrations,
        fitted_rows=int(splits.final.fit.sum()),
        calibrated_rows=int(splits.final.calibrate.sum()),
        labelled_ms=decisions.grid_ms * int(decisions.on_grid.sum()),
        verdict=verdict,
        alarms=every_alarm(judged, final_judged, lambda one: leak_alarms(one.figures())),
    )


def run_split(
    decisions: Decisions, split: Split, fits: Mapping[str, Fit]
) -> tuple[Trial, dict[str, Candidate], dict[str, Calibration]]:
    """Fit on one split, calibrate on its later slice, forecast its test on the grid."""
    fitting, calibrating = decisions.take(split.fit), decisions.take(split.calibrate)
    testing = decisions.take(split.test & decisions.on_grid)
    candidates = {name: fit(fitting) for name, fit in fits.items()}
    calibrations = {name: calibrate(one, calibrating) for name, one in candidates.items()}
    answers = {name: one.predict(testing.features) for name, one in candidates.items()}
    shares = class_shares(fitting)
    return (
        Trial(testing, answers, np.tile(shares, (len(testing), 1))),
        candidates,
        calibrations,
    )


def class_shares(decisions: Decisions) -> Floats:
    """Return the shares of up, flat, down, with up and down evened out as in every fit."""
    shares = np.bincount(decisions.classes, minlength=3) / len(decisions)
    even: Floats = (shares + shares[::-1]) / 2
    return even


def joined(trials: list[Trial]) -> Trial:
    """Return the trials' rows as one trial, fold after fold."""
    decisions = joined_decisions([trial.decisions for trial in trials])
    names = trials[0].answers
    answers = {name: np.concatenate([trial.answers[name] for trial in trials]) for name in names}
    return Trial(decisions, answers, np.concatenate([trial.prior for trial in trials]))
