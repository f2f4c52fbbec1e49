"""Hours of forecasts as arrays over time, from which every figure of a summary is a ratio.

Read by `predictions.accuracy.forecasts`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from market.hot.vector import HORIZON_MS, TICK_MS
from predictions.accuracy.hours import (
    BIN_COLUMN,
    BIN_COLUMNS,
    BINS,
    BINS_SHAPE,
    BLOCKS_SHAPE,
    COLUMN,
    HOUR_MS,
    MINUTE_MS,
    MINUTES,
    Hour,
)
from predictions.accuracy.intervals import Estimate, block_estimate

Floats = npt.NDArray[np.float64]

MOST_BLOCKS = 240
"""Blocks grow with the window: beyond these an interval gains nothing, and costs."""
BLOCK_MINUTES = (1, 2, 3, 5, 10, 15, 30)
OVERLAP = HORIZON_MS / TICK_MS


@dataclass(frozen=True, slots=True)
class Sums:
    """All hours together. blocks: [m, BLOCK_COLUMNS] in order of time, none without a row.

    block_minutes: their length. bins: [200, BIN_COLUMNS].
    """

    said: int
    late: int
    graded: int
    ungradable: dict[str, int]
    first_ms: int | None
    last_ms: int | None
    blocks: Floats
    block_minutes: int
    bins: Floats

    def total(self, name: str) -> float:
        """Return a column's sum."""
        return float(self.blocks[:, COLUMN[name]].sum())

    def ratio(
        self,
        above: str,
        below: str,
        *,
        moments: tuple[str, str, str] | None = None,
        count: str | None = None,
    ) -> Estimate:
        """Estimate Σ above / Σ below. moments: columns of their squares and product, for n_eff.

        count: the column that says how many rows it rests on, by default `below`.
        """
        return self.ratio_of(
            self.blocks[:, COLUMN[above]],
            self.blocks[:, COLUMN[below]],
            count or below,
            moments and tuple(map(self.total, moments)),  # type: ignore[arg-type]  # three
        )

    def ratio_of(
        self,
        above: Floats,
        below: Floats,
        count: str,
        moments: tuple[float, float, float] | None = None,
    ) -> Estimate:
        """Estimate Σ above / Σ below of columns [m] made of the blocks'."""
        counts = self.blocks[:, COLUMN[count]]
        present = counts > 0
        return block_estimate(
            above[present],
            below[present],
            n=int(counts.sum()),
            moments=moments,
            overlap=OVERLAP,
        )

    def binned(self, name: str) -> Floats:
        """Return a bin column, [200]."""
        return self.bins[:, BIN_COLUMN[name]]


def sum_up(hours: Sequence[Hour]) -> Sums:
    """Return the sums of hours that are in order of time."""
    refused: Counter[str] = Counter()
    for hour in hours:
        refused.update(hour.ungradable)
    starts = np.array([hour.key.hour_ts for hour in hours], dtype=np.int64)
    length = _block_minutes(starts)
    return Sums(
        said=sum(hour.said for hour in hours),
        late=sum(hour.late for hour in hours),
        graded=sum(hour.graded for hour in hours),
        ungradable=dict(sorted(refused.items())),
        first_ms=int(starts[0]) if len(starts) else None,
        last_ms=int(starts[-1]) + HOUR_MS if len(starts) else None,
        blocks=blocks_over_time(hours, length)[1],
        block_minutes=length,
        bins=_stacked(hours, "bins").sum(axis=0, dtype=np.float64),
    )


def _block_minutes(starts: npt.NDArray[np.int64]) -> int:
    # Hours between which a market did not run need no block.
    return block_length(len(np.unique(starts)) * MINUTES)


def block_length(minutes: int) -> int:
    """Return how many minutes a block takes, of so many in all."""
    for length in BLOCK_MINUTES:
        if minutes <= length * MOST_BLOCKS:
            return length
    return -(-minutes // (MINUTES * MOST_BLOCKS)) * MINUTES


def bins_over_time(hours: Sequence[Hour]) -> dict[str, Floats]:
    """Return the bin columns, [h, 200] each, by blocks of whole hours, for intervals."""
    starts = np.array([hour.key.hour_ts for hour in hours], dtype=np.int64)
    if not hours:
        return {name: np.zeros((0, BINS)) for name in BIN_COLUMNS}
    length = max(MINUTES, _block_minutes(starts))
    stacked = _stacked(hours, "bins").reshape(len(hours), -1)
    joined = _joined(stacked, starts // (MINUTE_MS * length)).reshape(-1, *BINS_SHAPE)
    return {name: joined[:, :, index] for name, index in BIN_COLUMN.items()}


def blocks_over_time(hours: Sequence[Hour], length: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return blocks of `length` minutes that hold any row, in order of time.

    Their begins in ms of market time, [m], and their sums, [m, BLOCK_COLUMNS]. length: of
    BLOCK_MINUTES, or whole hours.
    """
    starts = np.array([hour.key.hour_ts for hour in hours], dtype=np.int64)
    # Whole hours where blocks are as long, else parts of one.
    parts = max(1, MINUTES // length)
    minutes = _stacked(hours, "blocks").reshape(len(hours) * parts, MINUTES // parts, len(COLUMN))
    begins = (starts // MINUTE_MS)[:, None] + np.arange(parts) * length
    places = begins.ravel() // length
    joined = _joined(minutes.sum(axis=1, dtype=np.float64), places)
    kept = joined.any(axis=1)
    return np.unique(places)[kept] * length * MINUTE_MS, joined[kept]


def _stacked(hours: Sequence[Hour], name: str) -> npt.NDArray[np.float32]:
    if not hours:
        return np.zeros((0, *(BLOCKS_SHAPE if name == "blocks" else BINS_SHAPE)), np.float32)
    return np.stack([getattr(hour, name) for hour in hours])


def _joined(rows: npt.NDArray[np.floating[Any]], places: npt.NDArray[np.int64]) -> Floats:
    # Rows of one place added up, in order of place.
    if not len(rows):
        return np.zeros(rows.shape)
    order = np.argsort(places, kind="stable")
    firsts = np.flatnonzero(np.diff(places[order], prepend=-1))
    joined: Floats = np.add.reduceat(rows[order], firsts, axis=0, dtype=np.float64)
    return joined
