"""Graded signals as columns, from which every figure of them is a share or a mean.

Probabilities and classes are in the order SHORT, NO_TRADE, LONG. Read by
`predictions.accuracy.signals` and `predictions.accuracy.signal_views`.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from inference.signals.levels import HORIZON_CANDLES
from inference.vocabulary import DIRECTIONS, Direction, SignalResult
from market.candles.timeframes import Timeframe
from predictions.accuracy.figures import Figure, figure
from predictions.accuracy.intervals import ratio_estimate, share_estimate, time_blocks
from predictions.accuracy.signal_rows import SignalRow

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MINIMUM = 30
"""Graded signals below which no figure is told."""
BLOCK_CANDLES = 4 * HORIZON_CANDLES
"""Resampled together: several horizons, so that little overlaps a block's edge."""

CLASS = {direction.value: index for index, direction in enumerate(DIRECTIONS)}
NO_TRADE = CLASS[Direction.NO_TRADE]


class GradedSignals:
    """Signals as columns, of rows those that are graded."""

    _COLUMNS = (
        "said", "came", "probabilities", "confidence", "called", "first", "r", "r_after", "eta",
        "closes", "blocks",
    )  # fmt: skip

    def __init__(self, found: Sequence[SignalRow]) -> None:
        rows = [row for row in found if row.graded]
        self.n = len(rows)
        self.said = np.array([CLASS[row.direction] for row in rows], dtype=np.int64)
        self.came = np.array([CLASS[row.outcome__touched or ""] for row in rows], dtype=np.int64)
        self.probabilities = np.array(
            [(row.p_short, row.p_no_trade, row.p_long) for row in rows], dtype=np.float64
        ).reshape(-1, 3)
        self.confidence = np.array([row.confidence for row in rows], dtype=np.float64)
        self.called: Flags = self.said != NO_TRADE
        self.first = np.array(
            [row.outcome__result == SignalResult.TAKE_PROFIT for row in rows], dtype=np.float64
        )
        self.r = _column([row.outcome__r_multiple for row in rows])
        self.r_after = _column([row.outcome__r_after_fees for row in rows])
        self.eta = _column([row.outcome__eta_covered for row in rows])
        longest = max((Timeframe(row.timeframe).ms for row in rows), default=1)
        self.closes = np.array([row.candle_close for row in rows], dtype=np.int64)
        self.block_ms = BLOCK_CANDLES * longest
        self.blocks = time_blocks(self.closes, self.block_ms)

    @property
    def shares(self) -> Floats:
        """Share of each class among what came."""
        shares: Floats = np.bincount(self.came, minlength=3) / max(self.n, 1)
        return shares

    def only(self, rows: Flags) -> Self:
        """Return some of them, in the same blocks of time."""
        found = copy(self)
        for name in self._COLUMNS:
            setattr(found, name, getattr(self, name)[rows])
        found.n = int(rows.sum())
        return found

    def share(self, happened: Floats | Flags, rows: Flags, **beside: Any) -> Figure:
        """Return the share of the rows in which it happened."""
        above = happened[rows].astype(np.float64)
        found = ratio_estimate(
            above, np.ones(len(above)), self.blocks[rows], overlap=HORIZON_CANDLES
        )
        return figure(share_estimate(found), MINIMUM, **beside)

    def mean(self, values: Floats, **beside: Any) -> Figure:
        """Return the mean of the known values."""
        known = ~np.isnan(values)
        found = ratio_estimate(
            values[known], np.ones(int(known.sum())), self.blocks[known], overlap=HORIZON_CANDLES
        )
        return figure(found, MINIMUM, **beside)

    def accuracy(self) -> Figure:
        """Return how often the likeliest of the three classes happened."""
        right = self.probabilities.argmax(axis=1) == self.came
        everything = np.ones(self.n, dtype=np.bool_)
        return self.share(right, everything, baseline=float(self.shares.max()))

    def hit_rate(self, called: Flags) -> Figure:
        """Return how often the direction was right, given that a barrier was touched.

        What touched neither is in the take-profit rate alone.
        """
        rows = called & (self.came != NO_TRADE)
        longs = float((self.came[rows] == CLASS[Direction.LONG]).mean()) if rows.any() else 0.0
        told = self.share(self.said == self.came, rows, baseline=max(longs, 1 - longs))
        return told | {"untouched": int((called & (self.came == NO_TRADE)).sum())}

    def take_profit_rate(self, called: Flags) -> Figure:
        """Return how often the first target was reached, of all that called a direction."""
        baseline = float(self.shares[self.said[called]].mean()) if called.any() else None
        return self.share(self.first, called, baseline=baseline)

    def mean_r(self, rows: Flags) -> Figure:
        """Return the mean R before fees."""
        return self.mean(np.where(rows, self.r, np.nan), baseline=0.0)

    def mean_r_after_fees(self, rows: Flags) -> Figure:
        """Return the mean R after fees."""
        return self.mean(np.where(rows, self.r_after, np.nan), baseline=0.0)


def _column(values: Sequence[float | None]) -> Floats:
    return np.array(values, dtype=np.float64)
