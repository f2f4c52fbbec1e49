"""How long a first touch takes: a discrete hazard a candle, by volatility and direction.

Read by the protocol, which puts the table into the manifest and grades it on later decisions.
"""

import numpy as np

from inference.artefacts.signal_manifest import Hazard, TouchTimes
from inference.signals.levels import HORIZON_CANDLES
from market.candles.series import Flags, Floats, Integers
from training.signals.datasets import SignalDataset
from training.signals.labels import LONG, SHORT

QUANTILES = (0.1, 0.5, 0.9)
COVERAGE = QUANTILES[2] - QUANTILES[0]
_TERCILES = 3


def touch_times(dataset: SignalDataset, rows: Integers) -> TouchTimes:
    """Return the table of the decisions `rows`, in minutes after entry.

    The hazard of a direction at candle k is its touches there over the paths still untouched;
    paths that touch the other barrier, or none within twelve candles, are censored there. The
    quantiles are of the touch's time given that it comes within the twelve candles.
    """
    atr_ratio = dataset.atr_ratio[rows]
    low, high = np.quantile(atr_ratio, [1 / _TERCILES, 2 / _TERCILES])
    edges = (float(low), float(high))
    part = terciles(atr_ratio, edges)
    minutes = dataset.timeframe.ms / 60_000

    def table(direction: int) -> tuple[Hazard, Hazard, Hazard]:
        calm, middle, wild = (
            _hazard(dataset.label[chosen], dataset.touch_candles[chosen], direction, minutes)
            for chosen in (rows[part == tercile] for tercile in range(_TERCILES))
        )
        return calm, middle, wild

    return TouchTimes(tercile_edges=edges, long=table(LONG), short=table(SHORT))


def terciles(atr_ratio: Floats, edges: tuple[float, float]) -> Integers:
    """Return the tercile (0 calm .. 2 wild) of each ATR ÷ close."""
    parts: Integers = np.searchsorted(np.array(edges), atr_ratio, "right").astype(np.int64)
    return parts


def covered(table: TouchTimes, dataset: SignalDataset, rows: Integers) -> tuple[Floats, Floats]:
    """Return, for each touch among `rows`, 1.0 where its time lies in the table's 80 %
    interval, and its error against the median in minutes."""
    touched = rows[np.isfinite(dataset.touch_minutes[rows])]
    part = terciles(dataset.atr_ratio[touched], table.tercile_edges)
    longs: Flags = dataset.label[touched] == LONG
    bounds = np.array(
        [[(one.low, one.median, one.high) for one in side] for side in (table.short, table.long)]
    )
    low, median, high = bounds[longs.astype(np.int64), part].T
    taken = dataset.touch_minutes[touched]
    return ((low <= taken) & (taken <= high)).astype(np.float64), np.abs(taken - median)


def _hazard(label: Integers, candle: Floats, direction: int, minutes: float) -> Hazard:
    # Time at which a path leaves: its touch, either way, or the vertical barrier.
    leaves = np.where(np.isfinite(candle), candle, HORIZON_CANDLES).astype(np.int64)
    at = np.arange(1, HORIZON_CANDLES + 1)
    at_risk = np.array([(leaves >= step).sum() for step in at], dtype=np.float64)
    touches = np.array([((leaves == step) & (label == direction)).sum() for step in at])
    others = np.array(
        [
            ((leaves == step) & (label == other)).sum()
            for step in at
            for other in [SHORT if direction == LONG else LONG]
        ]
    )
    below = np.maximum(at_risk, 1.0)
    untouched = np.concatenate([[1.0], np.cumprod(1 - (touches + others) / below)[:-1]])
    share = np.cumsum(untouched * touches / below)
    n = int(touches.sum())
    if not n:
        # Nothing was seen: all that is known is that it would be within the horizon.
        horizon = HORIZON_CANDLES * minutes
        return Hazard(median=horizon, low=minutes, high=horizon, n=0)
    known = np.concatenate([[0.0], share / share[-1]])
    low, median, high = np.interp(QUANTILES, known, np.arange(HORIZON_CANDLES + 1)) * minutes
    return Hazard(median=float(median), low=float(low), high=float(high), n=n)
