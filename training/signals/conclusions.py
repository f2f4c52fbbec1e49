"""What the figures of a signal model show, said figure by figure; read by cards and manifests.

A figure is beyond chance where the whole of its 95 % interval is: above no skill, or above one
half for a share of right directions. What does not pass that is named as what does not.
"""

from collections.abc import Callable
from dataclasses import dataclass

from training.cards import shown
from training.signals.baselines import PRIOR
from training.signals.judging import SignalJudgement
from training.signals.protocol import NETWORK, Outcome
from training.significance import Estimate

NO_SKILL, COIN = 0.0, 0.5
"""What chance alone gives: a skill, and a share of right directions."""
ONE_THIRD = 1 / 3
ECE_TARGET = 0.03
FEES = (
    "What is graded is R before fees; the skill counts as smaller than fees until the ledger"
    " shows otherwise"
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of both parts, in words; chance: what it is without any knowledge."""

    name: str
    chance: float
    words: Callable[[Estimate], str]
    walk_forward: Estimate
    final: Estimate

    @property
    def beyond(self) -> tuple[bool, bool]:
        """Whether it is beyond chance walk-forward, and on the final test."""
        return beyond_chance(self.walk_forward, self.chance), beyond_chance(self.final, self.chance)

    @property
    def sentence(self) -> str:
        earlier, later = self.beyond
        if earlier == later:
            meaning = (
                "beyond chance in both" if later else "not shown to be beyond chance in either"
            )
        elif earlier:
            meaning = "beyond chance walk-forward, not shown to be on the final test"
        else:
            meaning = "not shown to be beyond chance walk-forward, but on the final test"
        return (
            f"{self.name} {self.words(self.walk_forward)} walk-forward and"
            f" {self.words(self.final)} on the final test: {meaning}"
        )


def conclusion(outcome: Outcome) -> str:
    """Return what is served, why, and which of its figures are beyond chance and which not."""
    verdict = outcome.verdict
    served = verdict.served
    if served == NETWORK:
        opening = f"The CNN-LSTM passed the gate against {verdict.best_baseline} and is served"
    else:
        opening = (
            f"The CNN-LSTM did not pass the gate (failed: {'; '.join(verdict.objections)}), so the"
            f" best baseline, {served}, is served"
        )
    if served == PRIOR:
        network = skill_figure(
            "the CNN-LSTM's log-loss skill against it is",
            outcome.walk_forward.judgements[NETWORK],
            outcome.final.judgements[NETWORK],
        )
        return (
            f"{opening}: no baseline was shown to tell more than the class shares do, so every"
            f" signal is NO_TRADE and no direction is ever called; {network.sentence}."
        )
    first, last = outcome.walk_forward.judgements[served], outcome.final.judgements[served]
    return " ".join(f"{one}." for one in (opening, *findings(first, last), FEES))


def findings(first: SignalJudgement, last: SignalJudgement) -> tuple[str, ...]:
    """Return a sentence a figure of a model, walk-forward and on the final test."""
    skill = skill_figure("Log-loss skill against the class prior", first, last)
    direction = (
        Figure(
            "Right direction given a touch",
            COIN,
            shown,
            first.direction_given_touch,
            last.direction_given_touch,
        ),
        Figure(
            "Right direction of the surest tenth",
            COIN,
            shown,
            first.top_decile_direction,
            last.top_decile_direction,
        ),
    )
    named = [one.sentence for one in direction if one.walk_forward.value is not None]
    return (
        skill.sentence,
        *(named or ["It names no direction"]),
        *_volatility(first, last),
        _calibration(first, last),
    )


def skill_figure(name: str, first: SignalJudgement, last: SignalJudgement) -> Figure:
    """Return the log-loss skill of a model in both parts."""
    return Figure(name, NO_SKILL, percent, first.log_loss_skill, last.log_loss_skill)


def beyond_chance(estimate: Estimate, chance: float) -> bool:
    """Say whether the whole interval lies above `chance`; without an interval it does not."""
    return estimate.lower is not None and estimate.lower > chance


def filters_nothing(threshold: float) -> bool:
    """Say whether hardly any answer is below it: the largest of three is at least one third."""
    return threshold < ONE_THIRD + 0.001


def percent(estimate: Estimate) -> str:
    """Return "1.23 % [lower, upper]"; a dash for what cannot be told."""
    if estimate.value is None:
        return "-"
    value = f"{100 * estimate.value:.2f} %"
    if estimate.lower is None or estimate.upper is None:
        return value
    return f"{value} [{100 * estimate.lower:.2f}, {100 * estimate.upper:.2f}]"


def _calibration(first: SignalJudgement, last: SignalJudgement) -> str:
    parts = (("walk-forward", first.ece), ("on the final test", last.ece))
    missed = [where for where, ece in parts if ece > ECE_TARGET]
    words = " and ".join(f"{ece:.3f} {where}" for where, ece in parts)
    meaning = f"missed {' and '.join(missed)}" if missed else "met in both"
    return f"ECE {words}: the target of {ECE_TARGET} is {meaning}"


def _volatility(first: SignalJudgement, last: SignalJudgement) -> tuple[str, ...]:
    shares = [one.touch_share for one in (first, last)]
    if any(share is None or share <= 0.5 for share in shares):
        return ()
    words = " and ".join(f"{100 * min(share, 1):.0f} %" for share in shares if share is not None)
    return (
        f"Most of the skill is volatility, not direction: {words} of the log-loss gained"
        " (walk-forward, final test) is knowing whether a barrier is touched at all",
    )
