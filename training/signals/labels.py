"""Triple barriers: which of two prices the path touched first, within twelve candles.

Read by the datasets. Entry is the close of the last closed candle, R is BARRIER_ATR · ATR 14;
the path starts at the next open. A path is a series of candles, as fine as there is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.vocabulary import DIRECTIONS, Direction
from market.candles.series import CandleSeries, Flags, Floats, Integers

BARRIER_ATR = 2.0
SHORT, NO_TRADE, LONG = (
    DIRECTIONS.index(one) for one in (Direction.SHORT, Direction.NO_TRADE, Direction.LONG)
)
LABEL_TEXT = (
    "triple barrier: entry = close, barriers at entry ± 2 ATR 14, vertical after 12 candles;"
    " first touch on the finest path there is, from the next open on; an open beyond a barrier"
    " touches it; both in one candle of the finest path is NO_TRADE"
)

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Path:
    """Candles to look for touches in, and how long each is."""

    candles: CandleSeries
    step_ms: int


@dataclass(frozen=True, slots=True)
class Touches:
    """What became of each decision, all [n].

    label: SHORT, NO_TRADE or LONG; minutes: from the decision to the first touch (the open
    that lay beyond a barrier, else the close of the candle that touched), NaN where none;
    next_open: the path's first price, NaN where the path is incomplete; complete: a path of
    the whole horizon was there, else the rest means nothing.
    """

    label: Integers
    minutes: Floats
    next_open: Floats
    complete: Flags


def first_touches(
    decided_ms: Integers, entry: Floats, reach: Floats, paths: Sequence[Path], horizon_ms: int
) -> Touches:
    """Label decisions by the first touch of entry ± reach within `horizon_ms`.

    decided_ms, entry, reach: [n], close of the decision's candle, its price, R. paths: finest
    first; each decision takes the first path that holds its whole horizon without a gap.
    """
    count = len(decided_ms)
    touches = Touches(
        np.full(count, NO_TRADE, dtype=np.int64),
        np.full(count, np.nan),
        np.full(count, np.nan),
        np.zeros(count, dtype=np.bool_),
    )
    for path in paths:
        starts, whole = _starts(path, decided_ms, horizon_ms)
        rows = np.flatnonzero(whole & ~touches.complete)
        if not len(rows):
            continue
        label, minutes = _along(path, starts[rows], entry[rows], reach[rows], horizon_ms)
        touches.label[rows], touches.minutes[rows] = label, minutes
        touches.next_open[rows] = path.candles.open[starts[rows]]
        touches.complete[rows] = True
    return touches


def _starts(path: Path, decided_ms: Integers, horizon_ms: int) -> tuple[Integers, Flags]:
    # Where each decision's path begins, and whether it goes on without a gap to the end.
    opens, steps = path.candles.open_ms, horizon_ms // path.step_ms
    starts = np.searchsorted(opens, decided_ms).astype(np.int64)
    inside = starts + steps <= len(opens)
    first = np.where(inside, starts, 0)
    last = np.where(inside, starts + steps - 1, 0)
    if not len(opens):
        return starts, inside
    end_open = decided_ms + horizon_ms - path.step_ms
    # Opens rise strictly on one grid: the right count between the right ends leaves no gap.
    whole: Flags = inside & (opens[first] == decided_ms) & (opens[last] == end_open)
    return starts, whole


def _along(
    path: Path, starts: Integers, entry: Floats, reach: Floats, horizon_ms: int
) -> tuple[Integers, Floats]:
    steps = np.arange(horizon_ms // path.step_ms)
    places = starts[:, None] + steps  # [n, steps]
    upper, lower = (entry + reach)[:, None], (entry - reach)[:, None]
    candles = path.candles
    opened = candles.open[places]
    up, down = candles.high[places] >= upper, candles.low[places] <= lower
    touched = up | down
    at = touched.argmax(axis=1)  # the first candle that touches; 0 where none does
    every = np.arange(len(starts))
    open_up, open_down = (opened >= upper)[every, at], (opened <= lower)[every, at]
    first_up, first_down = up[every, at], down[every, at]
    label = np.full(len(starts), NO_TRADE, dtype=np.int64)
    label[open_up | (first_up & ~first_down)] = LONG
    label[open_down | (first_down & ~first_up)] = SHORT
    known = label != NO_TRADE
    candles_until = at + np.where(open_up | open_down, 0, 1)
    minutes = np.where(known, candles_until * (path.step_ms / _MINUTE_MS), np.nan)
    return label, minutes
