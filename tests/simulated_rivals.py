"""Made-up markets and models whose true skill is known, for trying the gates on thousands of runs.

Outcomes overlap (five decisions a horizon of forecasts, twelve of signals), symbols move together,
volatility comes in long waves, moves have the fat tails of Student's t with 4 degrees of freedom,
and what models believe lasts: all that makes n decisions worth far fewer.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from market.candles.timeframes import Timeframe
from market.hot.vector import TICK_MS
from training.evaluation import Floats
from training.gate import Contest, Graded
from training.signals.judging import Judged
from training.superiority import Trials

START_MS = 1_700_000_000_000
TAILS = 4
REACH = 1.6
"""Of the 90 % interval, in σ over the horizon."""
MEMORY = 0.95
"""Of beliefs, from one decision to the next."""
FORECAST_STEPS, SIGNAL_STEPS = 5, 12
BARRIER = 0.65
CHALLENGER, RIVAL = "challenger", "rival"

Draws = np.random.Generator


@dataclass(frozen=True, slots=True)
class Belief:
    """What a model knows. skill: share of variance foreseen that both models foresee; more: that
    it alone foresees; error: share of variance that it imagines, its own."""

    skill: float = 0.02
    more: float = 0.0
    error: float = 0.005


def forecasts(
    draws: Draws, ticks: int, symbols: int, challenger: Belief, rival: Belief, variants: int = 1
) -> tuple[Contest, Trials]:
    """Return two models' forecasts of one market, and the losses of what else was tried.

    Of so many variants, alike in skill, the one of the smallest loss is the challenger.
    """
    noise, moves = _market(draws, ticks, symbols, FORECAST_STEPS)
    shared, apart = _waves(draws, ticks, symbols, count=2)
    shared *= np.sqrt(challenger.skill)
    apart *= np.sqrt(challenger.more)
    returns = noise + moves * (shared + apart)
    graded = Graded(
        START_MS + TICK_MS * np.repeat(np.arange(ticks), symbols),
        returns.ravel(),
        moves.ravel(),
        np.repeat(np.linspace(0, 1, ticks), symbols),
    )
    imagined = _waves(draws, ticks, symbols, count=variants + 1)
    theirs = moves * (shared + np.sqrt(rival.error) * imagined[-1])
    said = moves * (shared + apart + np.sqrt(challenger.error) * imagined[:-1])
    losses = ((returns - said) ** 2).reshape(variants, -1)
    best = int(losses.mean(axis=1).argmin())
    answers = {
        name: _six(one.ravel(), graded.moves_bp)
        for name, one in ((CHALLENGER, said[best]), (RIVAL, theirs))
    }
    return Contest(graded, answers), Trials([*losses[:best], *losses[best + 1 :]])


def signals(
    draws: Draws, steps: int, symbols: int, challenger: Belief, rival: Belief
) -> tuple[Judged, dict[str, Floats]]:
    """Return two models' probabilities of the classes of one market.

    What the challenger may know more is how wild it will be, as in real markets: not which way.
    """
    noise, moves = _market(draws, steps, symbols, SIGNAL_STEPS)
    apart = np.sqrt(challenger.more) * _waves(draws, steps, symbols)[0]
    path = (noise / moves * np.exp(apart)).ravel()
    label = np.where(path > BARRIER, 2, np.where(path < -BARRIER, 0, 1)).astype(np.int64)
    shares = np.bincount(label, minlength=3) / len(label)
    answers = {}
    for name, belief in ((CHALLENGER, challenger), (RIVAL, rival)):
        imagined = _waves(draws, steps, symbols, count=3).reshape(3, -1).T
        logits = np.log(shares) + np.sqrt(belief.error) * imagined
        if belief.more:
            logits[:, 1] -= 1.2 * apart.ravel()
        answers[name] = _shares(logits)
    step = np.repeat(np.arange(steps), symbols)
    judged = Judged(
        timeframe=Timeframe.H1,
        decided_ms=step * Timeframe.H1.ms,
        step=step,
        label=label,
        atr_ratio=moves.ravel() / 100,
        touch_minutes=np.full(len(label), np.nan),
        prior=np.tile(shares, (len(label), 1)),
    )
    return judged, answers


def _market(draws: Draws, ticks: int, symbols: int, horizon: int) -> tuple[Floats, Floats]:
    """Return what nobody can foresee of moves over the horizon, and their σ: [ticks, symbols]."""
    steps = ticks + horizon
    volatility = np.exp(0.4 * _waves(draws, steps, symbols, memory=0.995, together=0.8)[0])
    together = draws.standard_t(TAILS, (steps, 1)) * np.sqrt(0.6)
    apart = draws.standard_t(TAILS, (steps, symbols)) * np.sqrt(0.4)
    moved = volatility * (together + apart) / np.sqrt(TAILS / (TAILS - 2))
    level = np.concatenate([np.zeros((1, symbols)), np.cumsum(moved, axis=0)])
    return level[horizon : horizon + ticks] - level[:ticks], volatility[:ticks] * np.sqrt(horizon)


def _waves(
    draws: Draws,
    ticks: int,
    symbols: int,
    *,
    count: int = 1,
    memory: float = MEMORY,
    together: float = 0.5,
) -> Floats:
    """Return what lasts a while and is partly the same for all symbols, [count, ticks, symbols]."""
    shocks = np.sqrt(together) * draws.standard_normal((count, ticks, 1))
    shocks = shocks + np.sqrt(1 - together) * draws.standard_normal((count, ticks, symbols))
    waves: Floats = lfilter([np.sqrt(1 - memory**2)], [1, -memory], shocks, axis=1)
    return waves


def _six(said: Floats, moves: Floats) -> Floats:
    up = 0.5 + 0.4 * np.clip(said / moves, -1, 1)
    columns = (said, said - REACH * moves, said + REACH * moves, up, np.zeros(len(up)), 1 - up)
    return np.column_stack(columns)


def _shares(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares
