"""The gate's questions, one function each, for both engines and at both stages.

Read by the gates of both engines, by the comparison with the champion and by the second gate on
the ledger: what is asked is written down once. Source of the limits: the protocol's promotion gate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from predictions.promotion.criteria import Criterion, Stage, Verdict, to_records
from training.evaluation import Floats, Integers, quantile_parts
from training.significance import Comparison, Estimate, diebold_mariano, ratio_estimate

MAXIMUM_P = 0.01
TIME_BLOCKS = 6
MINIMUM_BETTER_BLOCKS = 4
TERCILES = 3
MAXIMUM_TERCILE_LOSS = 0.01
MAXIMUM_ECE_LOSS = 0.005
ECE_FLOOR = 0.03
NOMINAL_COVERAGE = 0.90
COVERAGE_SLACK = 0.02


@dataclass(frozen=True, slots=True)
class Duel:
    """Two models' losses of identical decisions, all [n]; a smaller loss is better.

    base: losses that the effect is a share of. times: when decided, decisions being `step` apart;
    elapsed: what cuts them into six blocks of time; volatility: NaN where unknown. lags: of the
    HAC variance, in steps; blocks: number of the stretch of time that is resampled together;
    overlap: decisions a horizon.
    """

    against: str
    mine: Floats
    theirs: Floats
    base: Floats
    times: Integers
    step: int
    lags: int
    blocks: Integers
    overlap: float
    elapsed: Floats | Integers
    volatility: Floats

    @property
    def gains(self) -> Floats:
        """By how much the challenger's loss is smaller, [n]."""
        gains: Floats = self.theirs - self.mine
        return gains

    @property
    def effect(self) -> Estimate:
        """The share of the base loss that is gained, with its interval and n_eff."""
        return ratio_estimate(self.gains, self.base, self.blocks, overlap=self.overlap)

    def compared(self) -> Comparison:
        """Test whether the challenger's loss is smaller."""
        return diebold_mariano(
            self.mine, self.theirs, self.times, step_ms=self.step, lags=self.lags
        )

    def verdict(self, challenger: str, asked: tuple[Criterion, ...]) -> Verdict:
        """Return the verdict out of sample, by what was asked. challenger: as it is to be named."""
        return Verdict(
            stage=Stage.OUT_OF_SAMPLE,
            challenger=challenger,
            against=self.against,
            criteria=asked,
            n=len(self.mine),
            n_eff=self.effect.n_eff,
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is served after training, the baseline that was to be beaten, and on what grounds."""

    served: str
    best_baseline: str
    verdict: Verdict

    @classmethod
    def by(cls, fight: Duel, network: str, asked: tuple[Criterion, ...]) -> Self:
        """Serve the network where all that was asked of it is so, else its rival."""
        verdict = fight.verdict(network, asked)
        return cls(network if verdict.passed else fight.against, fight.against, verdict)

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        return self.verdict.criteria

    @property
    def objections(self) -> tuple[str, ...]:
        """What speaks against the network; empty if nothing does."""
        return self.verdict.objections

    def to_record(self) -> dict[str, object]:
        """Return plain values, as they go into a manifest."""
        return {
            "served": self.served,
            "best_baseline": self.best_baseline,
            "criteria": to_records(self.criteria),
            "n": self.verdict.n,
            "n_eff": self.verdict.n_eff,
        }


@dataclass(frozen=True, slots=True)
class ChampionVerdicts:
    """How a challenger stood against the champion.

    every: on all walk-forward decisions; later: on all those alone that are later than what the
    champion learned from, None where they are too few or that is unknown. Both with the final
    test's veto.
    """

    every: Verdict
    later: Verdict | None

    @classmethod
    def of(cls, every: Verdict, later: Verdict, *, least: float) -> Self:
        """Let later decisions count where they are worth `least` independent ones."""
        enough = later.n_eff is not None and later.n_eff >= least
        return cls(every, later if enough else None)

    @property
    def deciding(self) -> Verdict:
        """The verdict that counts: on later decisions where there are enough."""
        return self.later or self.every

    def to_record(self) -> dict[str, Any]:
        """Return plain values, for a run's metrics and a manifest."""
        return {
            name: None
            if one is None
            else {
                "challenger": one.challenger,
                "against": one.against,
                "passed": one.passed,
                "n": one.n,
                "n_eff": one.n_eff,
                "criteria": to_records(one.criteria),
            }
            for name, one in (("every", self.every), ("later", self.later))
        }


def above(name: str, figure: float | None, limit: float, *, asked: str = "") -> Criterion:
    """Ask for more than the limit; an unknown figure does not pass."""
    known = _known(figure)
    return Criterion(name, known, asked or f"> {limit:g}", known is not None and known > limit)


def at_least(name: str, figure: float | None, limit: float) -> Criterion:
    """Ask for the limit or more."""
    known = _known(figure)
    return Criterion(name, known, f">= {limit:g}", known is not None and known >= limit)


def at_most(name: str, figure: float | None, limit: float) -> Criterion:
    """Ask for the limit or less."""
    known = _known(figure)
    return Criterion(name, known, f"<= {limit:g}", known is not None and known <= limit)


def significance(p: float | None, against: str, *, trials: int = 1) -> Criterion:
    """Ask for p < 0.01: Diebold-Mariano's, or with several trials that of the SPA test."""
    known = _known(p)
    test = "Diebold-Mariano p" if trials == 1 else f"SPA p of {trials} trials"
    passed = known is not None and known < MAXIMUM_P
    return Criterion(f"{test} against {against}", known, f"< {MAXIMUM_P:g}", passed)


def better_blocks(duel: Duel) -> Criterion:
    """Ask for a smaller loss in four of six blocks of time."""
    parts = quantile_parts(duel.elapsed, TIME_BLOCKS)
    sums = np.bincount(parts, duel.gains, minlength=TIME_BLOCKS)
    name = f"better of {TIME_BLOCKS} time blocks"
    return at_least(name, float((sums > 0).sum()), MINIMUM_BETTER_BLOCKS)


def worst_tercile(duel: Duel) -> Criterion:
    """Ask that no third of volatility has more than 1 % more loss."""
    known = np.isfinite(duel.volatility)
    figure = None
    if known.any():
        parts = quantile_parts(duel.volatility[known], TERCILES)
        mine, theirs = (
            np.bincount(parts, losses[known], minlength=TERCILES)
            for losses in (duel.mine, duel.theirs)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            figure = float((mine / theirs - 1).max())  # NaN where a third is empty
    return at_most("loss in its worst volatility tercile", figure, MAXIMUM_TERCILE_LOSS)


def calibration(mine: float, theirs: float) -> Criterion:
    """Ask for an expected calibration error at most 0.005 above the rival's.

    Where the rival gives no probabilities (NaN): for one of at most 0.03, the protocol's floor.
    """
    if math.isnan(theirs):
        return at_most("ECE, that of its rival unknown", mine, ECE_FLOOR)
    return at_most("ECE above it", mine - theirs, MAXIMUM_ECE_LOSS)


def coverage(share: float | None) -> Criterion:
    """Ask that the 90 % interval holds 88-92 % of outcomes.

    Of the nominal level, not of the rival's coverage: the interval says 90 % to whoever reads it,
    and a rival that covers badly is no measure.
    """
    known = _known(share)
    low, high = NOMINAL_COVERAGE - COVERAGE_SLACK, NOMINAL_COVERAGE + COVERAGE_SLACK
    passed = known is not None and low <= known <= high
    return Criterion("coverage of its 90 % interval", known, f"{low:.2f} to {high:.2f}", passed)


def no_alarm(alarms: Sequence[str]) -> Criterion:
    """Ask that no figure of the challenger is too good to be true."""
    name = f"leak alarms: {'; '.join(alarms)}" if alarms else "leak alarms"
    return Criterion(name, float(len(alarms)), "none", not alarms)


def _known(figure: float | None) -> float | None:
    return None if figure is None or not math.isfinite(figure) else float(figure)
