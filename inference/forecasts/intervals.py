"""The 90 % interval's online correction: quantile tracking, a side and symbol each.

The network's quantiles are σ-scaled residual quantiles of the past; markets change. After each
matured label the bound that was missed moves out and the one that held moves in, so that each
side's long-run miss rate is 5 % whatever the data do (conformal P control, Angelopoulos,
Candès, Tibshirani, arXiv 2307.16895). The claim is long-run average coverage, nothing finer.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MISS_RATE = 0.05
"""Each side's nominal share of misses: 90 % lie between."""

STEP = 0.05
"""Learning rate, in units of σ over the horizon."""

LIMIT = 10.0
"""Corrections stay within ± this many σ, so that a broken feed cannot run away with them."""


@dataclass(slots=True)
class IntervalTracker:
    """low, high: how far each bound is moved outwards, [n], in σ over the horizon."""

    count: int
    low: Floats = field(init=False)
    high: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.low = np.zeros(self.count)
        self.high = np.zeros(self.count)

    def update(self, missed_low: Floats, missed_high: Floats) -> None:
        """Take in matured labels, [n] each: 1 missed, 0 held, NaN nothing matured."""
        for offsets, missed in ((self.low, missed_low), (self.high, missed_high)):
            step = np.where(np.isnan(missed), 0.0, STEP * (missed - MISS_RATE))
            np.clip(offsets + step, -LIMIT, LIMIT, out=offsets)

    def reset(self) -> None:
        """Go back to the neutral zero: what was learned of one model says nothing of another."""
        self.low[:] = 0.0
        self.high[:] = 0.0

    def restore(self, low: Floats, high: Floats) -> None:
        """Take up the state that an earlier leader published; NaN keeps the neutral zero."""
        self.low = np.nan_to_num(low, nan=0.0).copy()
        self.high = np.nan_to_num(high, nan=0.0).copy()
