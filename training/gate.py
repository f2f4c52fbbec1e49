"""Is a forecaster really better than its rival? Which one is served after training.

Read by the protocol (the network against the baselines), by `against_champion` and by the second
gate on the ledger. The loss is the squared error of the return, in bp²; effects are R².
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from market.hot.vector import TICK_MS
from predictions.promotion.criteria import Criterion
from training import criteria, evaluation
from training.alarms import leak_alarms
from training.criteria import Choice, Duel
from training.decisions import Decisions
from training.evaluation import Bools, Floats, Integers
from training.judging import Judgement, dm_lags, overlap
from training.labels import directions
from training.significance import Comparison, time_blocks
from training.superiority import Trials, trial_significance

MINIMUM_EFFECT_R2 = 0.002
LEAST_N_EFF = 350
"""Below so many independent decisions no test at 1 % shows, four times in five, a gain smaller
than the R² at which a leak is suspected: 4·(2.33 + 0.84)² / 0.12."""
SHADOW_N_EFF = 20_000
"""So many show the smallest gain asked for, 0.002 R², four times in five: 4·(2.33 + 0.84)² / 0.002.
A gain g from a better forecast is (on unit variance) a mean g of a spread of 2·√g."""


@dataclass(frozen=True, slots=True)
class Graded:
    """Decisions with their outcomes, all [n]. moves_bp: sigma·√10; elapsed: place in time, by
    which six blocks are cut; step_ms: from one decision to the next."""

    decided_ms: Integers
    returns_bp: Floats
    moves_bp: Floats
    elapsed: Floats
    step_ms: int = TICK_MS

    @classmethod
    def of(cls, decisions: Decisions) -> "Graded":
        """Return what the gate needs of decisions that all lie on their grid."""
        return cls(
            decisions.decided_ms,
            decisions.returns_bp,
            decisions.moves_bp,
            elapsed_share(decisions),
            decisions.grid_ms,
        )

    def take(self, rows: Integers | Bools) -> "Graded":
        """Return some of the decisions."""
        return Graded(
            self.decided_ms[rows],
            self.returns_bp[rows],
            self.moves_bp[rows],
            self.elapsed[rows],
            self.step_ms,
        )

    def __len__(self) -> int:
        return len(self.decided_ms)


@dataclass(frozen=True, slots=True)
class Contest:
    """Models' forecasts [n, 6] of the same decisions."""

    graded: Graded
    answers: Mapping[str, Floats]

    def take(self, rows: Integers | Bools) -> "Contest":
        """Return some of the decisions."""
        answers = {name: one[rows] for name, one in self.answers.items()}
        return Contest(self.graded.take(rows), answers)

    def r2(self, name: str) -> float:
        """Return a model's skill against no change."""
        return evaluation.r_squared(self.graded.returns_bp, self.answers[name][:, 0])


def best_baseline(
    judged: Mapping[str, Judgement],
    compared: Callable[[str, str], Comparison],
    servable: Sequence[str],
) -> str:
    """Return the servable baseline to beat, by the one-standard-error rule.

    That is the simplest (servable is ordered so) whose mean loss is within one standard error
    of the smallest: with little data the order of the rest is noise.
    """
    best = max(servable, key=lambda name: _r2(judged[name]))
    for name in servable:
        if name == best:
            break
        statistic = compared(best, name).statistic
        if statistic is None or statistic <= 1.0:
            return name
    return best


def decide_served(
    network: str, rival: str, walk_forward: Contest, final: Contest, trials: Trials | None = None
) -> Choice:
    """Weigh the network against the baselines; rival is the best servable one.

    final: the once-opened last part, which may veto and never choose. trials: what else was
    tried, where the network is the best of several variants.
    """
    asked = (
        lead(network, walk_forward),
        *between(network, rival, walk_forward, trials=trials, alarms=alarms(network, final)),
        veto(network, rival, final),
    )
    return Choice.by(duel(network, rival, walk_forward), network, asked)


def between(
    challenger: str,
    rival: str,
    contest: Contest,
    *,
    trials: Trials | None = None,
    alarms: Sequence[str] = (),
) -> tuple[Criterion, ...]:
    """Return what is asked of a challenger against one rival, whichever the stage.

    alarms: further ones to count, such as those of the final test.
    """
    fight = duel(challenger, rival, contest)
    returns = contest.graded.returns_bp
    mine, theirs = contest.answers[challenger], contest.answers[rival]
    classes = directions(returns)
    inside = evaluation.covered(returns, mine[:, 1], mine[:, 2])
    return (
        trial_significance(fight, trials),
        criteria.at_least("R² gained on it", fight.effect.value, MINIMUM_EFFECT_R2),
        criteria.better_blocks(fight),
        criteria.worst_tercile(fight),
        criteria.calibration(
            evaluation.class_calibration_error(classes, mine[:, 3:]),
            evaluation.class_calibration_error(classes, theirs[:, 3:]),
        ),
        criteria.coverage(float(inside.mean()) if len(inside) else None),
        criteria.no_alarm((*_rung(challenger, contest), *alarms)),
    )


def lead(challenger: str, contest: Contest) -> Criterion:
    """Ask for a smaller loss than every other model's of the contest."""
    others = [contest.r2(name) for name in contest.answers if name != challenger]
    figure = contest.r2(challenger) - max(others) if others else None
    return criteria.above("R² above every baseline's", figure, 0, asked="lead > 0")


def veto(challenger: str, rival: str, final: Contest) -> Criterion:
    """Ask that the last part of time, opened once, does not speak against the challenger."""
    figure = final.r2(challenger) - final.r2(rival)
    return criteria.above("R² gained on the final test", figure, 0)


def alarms(challenger: str, final: Contest) -> tuple[str, ...]:
    """Name the challenger's alarms on the final test."""
    return tuple(f"final test: {one}" for one in _rung(challenger, final))


def duel(challenger: str, rival: str, contest: Contest) -> Duel:
    """Return the losses of two models."""
    graded = contest.graded
    mine, theirs = (
        evaluation.squared_errors(graded.returns_bp, contest.answers[name][:, 0])
        for name in (challenger, rival)
    )
    return Duel(
        against=rival,
        mine=mine,
        theirs=theirs,
        base=graded.returns_bp**2,
        times=graded.decided_ms,
        step=graded.step_ms,
        lags=dm_lags(graded.step_ms),
        blocks=time_blocks(graded.decided_ms),
        overlap=overlap(graded.step_ms),
        elapsed=graded.elapsed,
        volatility=graded.moves_bp,
    )


def elapsed_share(decisions: Decisions) -> Floats:
    """Return each decision's place (0..1) in its own recording's stretch of these rows.

    Recordings side by side share their blocks of time.
    """
    share = np.zeros(len(decisions))
    for recording in np.unique(decisions.recording):
        mine = decisions.recording == recording
        times = decisions.decided_ms[mine]
        share[mine] = (times - times.min()) / max(1, times.max() - times.min())
    return share


def _rung(challenger: str, contest: Contest) -> list[str]:
    returns, said = contest.graded.returns_bp, contest.answers[challenger][:, 0]
    figures = {
        "r2": evaluation.r_squared(returns, said),
        "hit_rate": evaluation.hit_rate(returns, said),
        "mae_ratio": evaluation.mae_ratio(returns, said),
    }
    return leak_alarms(figures)


def _r2(judgement: Judgement) -> float:
    return -np.inf if judgement.r2.value is None else judgement.r2.value
