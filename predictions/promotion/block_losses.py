"""The champion's loss minus its rival's, in blocks of market time that do not reach into another.

A block's decisions all mature before the next block begins, so that labels that overlap do not
make one loss count again and again; symbols, which move together, are averaged at each time first.
Read by the rollback watch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from inference.signals.levels import HORIZON_CANDLES
from market.candles.timeframes import Timeframe
from predictions.promotion.pairing import PairedForecasts, PairedSignals

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_SIGMAS = 6.0
"""Returns beyond so many σ·√horizon count as so many, as in the labels of training."""
MOST_SAID_SIGMAS = 3.0
"""The same of forecasts: one that says more is as wrong as one that says this."""
LEAST_PROBABILITY = 0.01
"""Of a class, as it is judged here, so that one signal cannot outweigh a hundred."""
FORECAST_HORIZONS = 6
"""Horizons a block of forecasts takes, the last of which is the gap."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A block begins at each multiple of period_ms and counts what was decided in its first
    counted_ms; settled_ms: how long after its end all of it is graded; least: times that it needs,
    to count at all."""

    period_ms: int
    counted_ms: int
    settled_ms: int
    least: int

    @classmethod
    def of_forecasts(cls, horizon_ms: int) -> Self:
        # A decision in the moment of the gap's begin matures with the block's last.
        period = FORECAST_HORIZONS * horizon_ms
        return cls(period, period - horizon_ms + 1, 3 * horizon_ms, 10)

    @classmethod
    def of_signals(cls, timeframe: Timeframe) -> Self:
        counted = HORIZON_CANDLES * timeframe.ms
        return cls(2 * counted, counted, 2 * timeframe.ms, 4)

    def begin(self, at_ms: int) -> int:
        """Return the begin of the first block that lies wholly at or after a time."""
        return -(-at_ms // self.period_ms) * self.period_ms

    def end(self, newest_ms: int) -> int:
        """Return the end of the last block that is over and graded, by the newest decision."""
        return (newest_ms - self.settled_ms) // self.period_ms * self.period_ms


@dataclass(frozen=True, slots=True)
class Block:
    """The mean difference of losses of the decisions (rows of the pairs) of one block."""

    begin_ms: int
    difference: float
    decisions: int


def forecast_blocks(
    pairs: PairedForecasts, rhythm: Rhythm, *, rival_is_no_change: bool
) -> Iterator[Block]:
    """Yield the blocks of squared errors in units of σ²·horizon, mine minus theirs, in order."""
    with np.errstate(divide="ignore", invalid="ignore"):
        came = np.clip(pairs.returns_bp / pairs.moves_bp, -MOST_SIGMAS, MOST_SIGMAS)
        mine, theirs = (
            np.clip(answers[:, 0] / pairs.moves_bp, -MOST_SAID_SIGMAS, MOST_SAID_SIGMAS)
            for answers in (pairs.mine, pairs.theirs)
        )
    if rival_is_no_change:
        theirs = np.zeros(len(came))
    differences = (came - mine) ** 2 - (came - theirs) ** 2
    known = np.isfinite(differences)
    for begin, rows in _rows_of_blocks(pairs.decided_ms[known], rhythm):
        times = pairs.decided_ms[known][rows]
        yield Block(begin, _mean_over_times(times, differences[known][rows]), len(rows))


def signal_blocks(
    pairs: PairedSignals, rhythm: Rhythm, *, classes: list[float] | None = None
) -> Iterator[Block]:
    """Yield the blocks of log-losses, mine minus theirs, in order.

    classes: how often each class came before; the rival then says these shares, and each block's
    outcomes are added once it is over.
    """
    for begin, rows in _rows_of_blocks(pairs.decided_ms, rhythm):
        labels = pairs.label[rows]
        theirs = pairs.theirs[rows]
        if classes is not None:
            theirs = np.tile(np.array(classes) / sum(classes), (len(rows), 1))
            for index, count in enumerate(np.bincount(labels, minlength=3).tolist()):
                classes[index] += count
        differences = _log_losses(labels, pairs.mine[rows]) - _log_losses(labels, theirs)
        yield Block(begin, _mean_over_times(pairs.decided_ms[rows], differences), len(rows))


def _log_losses(labels: Integers, probabilities: Floats) -> Floats:
    given = probabilities[np.arange(len(labels)), labels]
    losses: Floats = -np.log(np.maximum(given, LEAST_PROBABILITY))
    return losses


def _rows_of_blocks(
    decided_ms: Integers, rhythm: Rhythm
) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    inside = np.flatnonzero(decided_ms % rhythm.period_ms < rhythm.counted_ms)
    begins = decided_ms[inside] // rhythm.period_ms * rhythm.period_ms
    found, firsts = np.unique(begins, return_index=True)
    # Pairs are in order of time, and so are the rows of a block.
    for begin, rows in zip(found.tolist(), np.split(inside, firsts[1:]), strict=False):
        if len(np.unique(decided_ms[rows])) >= rhythm.least:
            yield begin, rows


def _mean_over_times(decided_ms: Integers, values: Floats) -> float:
    places = np.unique(decided_ms, return_inverse=True)[1]
    return float((np.bincount(places, values) / np.bincount(places)).mean())
