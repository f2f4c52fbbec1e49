"""The second gate: a challenger's own predictions in the ledger, beside the champion's.

Read by `manage.py retrain` when a trial's time is over, and only then: looked at again and again,
chance alone would pass it some day. The questions are those of the first gate; those about
baselines and about the final test have no meaning here, where every decision is new.
"""

from dataclasses import dataclass

import numpy as np

from market.candles.timeframes import Timeframe
from market.hot.vector import TICK_MS
from predictions.promotion.criteria import Stage, Verdict
from predictions.promotion.pairing import PairedForecasts, PairedSignals
from training import gate
from training.gate import Contest, Graded
from training.signals import gate as signals
from training.signals.judging import Judged


@dataclass(frozen=True, slots=True)
class Undecided:
    """Too few independent decisions were made to tell; n_eff None: it cannot even be told."""

    n: int
    n_eff: float | None
    asked: float

    @property
    def why(self) -> str:
        known = "unknown" if self.n_eff is None else f"{self.n_eff:,.0f}"
        return (
            f"{self.n:,} decisions that both answered are worth {known} independent ones;"
            f" {self.asked:,.0f} are asked for"
        )


def judge_shadow_forecasts(
    pairs: PairedForecasts,
    challenger: str,
    champion: str,
    *,
    least: float = gate.SHADOW_N_EFF,
) -> Verdict | Undecided:
    """Judge a challenger's forecasts in the ledger against the champion's of the same ticks.

    challenger, champion: versions, whose answers are `mine` and `theirs`. least: independent
    decisions (n_eff) below which nothing is decided.
    """
    if not pairs.n:
        return Undecided(0, None, least)
    decided = pairs.decided_ms
    elapsed = (decided - decided.min()).astype(np.float64)
    graded = Graded(decided, pairs.returns_bp, pairs.moves_bp, elapsed, TICK_MS * pairs.every)
    contest = Contest(graded, {challenger: pairs.mine, champion: pairs.theirs})
    n_eff = gate.duel(challenger, champion, contest).effect.n_eff
    if n_eff is None or n_eff < least:
        return Undecided(pairs.n, n_eff, least)
    asked = gate.between(challenger, champion, contest)
    return Verdict(Stage.SHADOW, challenger, champion, asked, pairs.n, n_eff)


def judge_shadow_signals(
    pairs: PairedSignals,
    timeframe: Timeframe,
    challenger: str,
    champion: str,
    *,
    least: float = signals.LEAST_N_EFF,
) -> Verdict | Undecided:
    """Judge a challenger's signals in the ledger against the champion's of the same candles.

    As judge_shadow_forecasts. The yardstick of skill, for the leak alarms, is the shares of the
    classes in these very outcomes.
    """
    if not pairs.n:
        return Undecided(0, None, least)
    shares = np.bincount(pairs.label, minlength=3) / pairs.n
    judged = Judged(
        timeframe=timeframe,
        decided_ms=pairs.decided_ms,
        step=pairs.decided_ms // timeframe.ms,
        label=pairs.label,
        atr_ratio=pairs.atr_ratio,
        touch_minutes=np.full(pairs.n, np.nan),
        prior=np.tile(shares, (pairs.n, 1)),
    )
    n_eff = signals.duel(pairs.mine, pairs.theirs, judged, champion).effect.n_eff
    if n_eff is None or n_eff < least:
        return Undecided(pairs.n, n_eff, least)
    asked = signals.between(pairs.mine, pairs.theirs, judged, champion)
    return Verdict(Stage.SHADOW, challenger, champion, asked, pairs.n, n_eff)
