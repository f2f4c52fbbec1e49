"""Evidence that a model loses to its rival, valid however often and whenever it is looked at.

A gambler starts with 1 and bets, block by block, that the champion's loss exceeds the rival's.
While it does not, no way of looking and stopping lets the fortune reach 1/α with more than
probability α (Ville); what it reached is the e-value. That holds as far as no gain of the
champion's exceeds HEADROOM times the largest difference before it. Read by the rollback watch.

Sources: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", arXiv
2010.09686 (bets of constant fractions, mixed); Choe & Ramdas, "Comparing sequential forecasters",
arXiv 2110.00115 (forecasters by the mean of their score differences, anytime); Shin, Ramdas &
Rinaldo, "E-detectors", arXiv 2203.03532 (processes begun again, for what turns bad later).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ALPHA = 0.01
THRESHOLD = 1 / ALPHA

FRACTIONS: Floats = np.power(0.5, np.arange(7), dtype=np.float64)
"""Bet side by side, in units of the scale: much where the loss is plain, less where it is not."""
WARM_UP = 20
"""Blocks that only tell how large differences are; nothing is bet on them."""
HEADROOM = 2.0
"""A block is scaled by so many times the largest difference before it: the boldest bet is lost for
good at a gain of the champion's of so many times the largest of all earlier blocks."""


@dataclass(frozen=True, slots=True)
class EProcess:
    """How the bets stand after `blocks` blocks. Never changed: `after` returns the next.

    Each fortune bets a constant fraction, so what is tested is the sum of expected differences:
    a champion that is worse at times and as much better at others is no loser. All of it is begun
    again every `restart` blocks with a share of what is kept back, 1/(k·(k+1)) at the k-th time,
    so that a model that was good for months and turns bad is found in days. fortunes: one a
    fraction; scale: the largest |difference| so far; highest: the greatest e-value there was.
    """

    restart: int
    fortunes: tuple[float, ...] = (0.0,) * len(FRACTIONS)
    scale: float = 0.0
    blocks: int = 0
    begun: int = 0
    highest: float = 1.0
    total: float = 0.0

    @property
    def e_value(self) -> float:
        """Return what 1 at the beginning has become, what is kept back included."""
        return sum(self.fortunes) + 1 / (self.begun + 1)

    @property
    def mean(self) -> float | None:
        """Return the mean difference of all blocks, None before the first."""
        return self.total / self.blocks if self.blocks else None

    def after(self, difference: float) -> Self:
        """Return the state after one block: mean loss of the champion minus the rival's.

        Its expectation, given all before it, must not be above 0 where the champion is no worse:
        so the outcomes of a block must all be known before the next begins. NaN counts nothing.
        """
        if not np.isfinite(difference):
            return self
        fortunes, begun = np.array(self.fortunes), self.begun
        if self.blocks >= WARM_UP and self.scale > 0:
            if (self.blocks - WARM_UP) % self.restart == 0 or not begun:
                begun += 1
                fortunes += 1 / (begun * (begun + 1)) / len(FRACTIONS)
            odds = 1 + FRACTIONS * difference / (HEADROOM * self.scale)
            fortunes *= np.maximum(odds, 0.0)
        return type(self)(
            restart=self.restart,
            fortunes=tuple(fortunes.tolist()),
            scale=max(self.scale, abs(difference)),
            blocks=self.blocks + 1,
            begun=begun,
            highest=max(self.highest, float(fortunes.sum()) + 1 / (begun + 1)),
            total=self.total + difference,
        )

    def after_all(self, differences: Iterable[float]) -> Self:
        """Return the state after several blocks, in order of time."""
        state = self
        for difference in differences:
            state = state.after(difference)
        return state
