"""Is a signal network really better than its rival? Which one is served after training.

Read by the protocol (the network against the baselines), by `against_champion` and by the second
gate on the ledger. The loss is the log-loss of the three classes. There is no interval, so the
forecasts' question about coverage is not asked here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from inference.signals.levels import HORIZON_CANDLES
from market.candles.series import Floats
from predictions.promotion.criteria import Criterion
from training import criteria
from training.alarms import signal_alarms
from training.criteria import Choice, Duel
from training.evaluation import log_losses
from training.signals.judging import (
    DM_LAGS,
    Judged,
    SignalJudgement,
    alarm_figures,
    calibration_error,
    paired_losses,
)
from training.significance import Comparison
from training.superiority import Trials, trial_significance

MINIMUM_EFFECT = 0.003
LEAST_N_EFF = 400
"""Below so many independent decisions no test at 1 % shows, four times in five, a gain smaller
than the log-loss at which a leak is suspected: 2·(2.33 + 0.84)² / (0.05·1.05), 1.05 being the
log-loss of class shares. A gain of g nats is a mean g of a spread of √(2·g). The smallest gain
asked for would take 6,400, more than a year of one timeframe holds."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Models' answers [n, 3] to the same decisions, and how each was judged."""

    judged: Judged
    answers: Mapping[str, Floats]
    judgements: Mapping[str, SignalJudgement]


def best_baseline(
    contest: Contest, compared: Callable[[str, str], Comparison], baselines: Sequence[str]
) -> str:
    """Return the baseline to beat: that of the smallest log-loss.

    Unless it is within one standard error of the first, the simplest: what cannot be told from
    the class shares shall not speak in their place.
    """
    simplest = baselines[0]
    best = min(baselines, key=lambda name: contest.judgements[name].log_loss)
    if best == simplest:
        return simplest
    statistic = compared(best, simplest).statistic
    return simplest if statistic is None or statistic <= 1.0 else best


def decide(
    network: str,
    rival: str,
    baselines: Sequence[str],
    walk_forward: Contest,
    final: Contest,
    trials: Trials | None = None,
) -> Choice:
    """Weigh the network against the baselines; rival is the best of them.

    final: the once-opened last part, which may veto and never choose. trials: what else was
    tried, where the network is the best of several variants.
    """
    judged, answers = walk_forward.judged, walk_forward.answers
    asked = (
        lead(network, baselines, answers, judged),
        *between(
            answers[network],
            answers[rival],
            judged,
            rival,
            trials=trials,
            alarms=alarms(final.answers[network], final.judged),
        ),
        veto(final.answers[network], final.answers[rival], final.judged),
    )
    return Choice.by(duel(answers[network], answers[rival], judged, rival), network, asked)


def between(
    mine: Floats,
    theirs: Floats,
    judged: Judged,
    rival: str,
    *,
    trials: Trials | None = None,
    alarms: Sequence[str] = (),
) -> tuple[Criterion, ...]:
    """Return what is asked of a challenger against one rival, whichever the stage.

    mine, theirs: [n, 3]. alarms: further ones to count, such as those of the final test.
    """
    fight = duel(mine, theirs, judged, rival)
    ece = calibration_error(judged.label, mine), calibration_error(judged.label, theirs)
    rung = signal_alarms(alarm_figures(mine, judged))
    return (
        trial_significance(fight, trials),
        criteria.at_least("log-loss gained on it", fight.effect.value, MINIMUM_EFFECT),
        criteria.better_blocks(fight),
        criteria.worst_tercile(fight),
        criteria.calibration(*ece),
        criteria.no_alarm((*rung, *alarms)),
    )


def lead(
    network: str, baselines: Sequence[str], answers: Mapping[str, Floats], judged: Judged
) -> Criterion:
    """Ask for a smaller log-loss than every baseline's."""
    own, *others = (
        float(log_losses(judged.label, answers[name]).mean()) for name in (network, *baselines)
    )
    figure = min(others) - own
    return criteria.above("log-loss below every baseline's", figure, 0, asked="lead > 0")


def veto(mine: Floats, theirs: Floats, judged: Judged) -> Criterion:
    """Ask that the last part of time, opened once, does not speak against the challenger."""
    own, other = paired_losses(mine, theirs, judged)
    figure = float((other - own).mean()) if len(own) else None
    return criteria.above("log-loss gained on the final test", figure, 0)


def alarms(mine: Floats, judged: Judged) -> tuple[str, ...]:
    """Name the challenger's alarms on the final test."""
    return tuple(f"final test: {one}" for one in signal_alarms(alarm_figures(mine, judged)))


def duel(mine: Floats, theirs: Floats, judged: Judged, rival: str) -> Duel:
    """Return the log-losses of two models."""
    own, other = paired_losses(mine, theirs, judged)
    return Duel(
        against=rival,
        mine=own,
        theirs=other,
        base=other,
        times=judged.step,
        step=1,
        lags=DM_LAGS,
        blocks=judged.blocks,
        overlap=HORIZON_CANDLES,
        elapsed=judged.step,
        volatility=judged.atr_ratio,
    )
