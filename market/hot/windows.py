"""Rolling windows over cells of 100 ms: trades, mids, and depth samples.

A cell is filled as events arrive and closed when features are evaluated, so that a window of
one or five seconds is always a whole number of cells and memory does not grow with the flow.
Sums are integers: they are the same wherever the window started.
"""

import math
from collections import deque
from typing import NamedTuple

from market.hot.vector import CELL_MS

CELLS_1S = 1_000 // CELL_MS
CELLS_5S = 5 * CELLS_1S
CELLS_10S = 10 * CELLS_1S
VOLATILITY_SECONDS = 60
VOLATILITY_SHARE_NEEDED = 0.75
"""Of its 1-s returns: a connection that was lost for some seconds must not void σ, and with it the
forecasts, for a whole minute more."""
DEPTH_SAMPLES = 300
DEPTH_SAMPLES_NEEDED = 270
"""A short resync must not void the depth features for five minutes."""


class TradeSums(NamedTuple):
    """trades: how many; size and signed size in 1e-8; notional (price x size) in 1e-16."""

    trades: int = 0
    size: int = 0
    signed: int = 0
    notional: int = 0

    def plus(self, other: "TradeSums") -> "TradeSums":
        return TradeSums(*[mine + theirs for mine, theirs in zip(self, other, strict=True)])

    def minus(self, other: "TradeSums") -> "TradeSums":
        return TradeSums(*[mine - theirs for mine, theirs in zip(self, other, strict=True)])


NO_TRADES = TradeSums()


class TradeWindow:
    """Sums over the last 1 s and 5 s of closed cells."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._cells: deque[TradeSums] = deque(maxlen=CELLS_5S)
        self._count = self._size = self._signed = self._notional = 0
        self.last_1s = NO_TRADES
        self.last_5s = NO_TRADES

    def add(self, price: int, size: int, buyer_initiated: bool) -> None:
        self._count += 1
        self._size += size
        self._signed += size if buyer_initiated else -size
        self._notional += price * size

    def close_cell(self) -> None:
        cells = self._cells
        if self._count:
            closed = TradeSums(self._count, self._size, self._signed, self._notional)
            self._count = self._size = self._signed = self._notional = 0
        else:
            closed = NO_TRADES
        leaving_5s = cells[0] if len(cells) == CELLS_5S else NO_TRADES
        leaving_1s = cells[-CELLS_1S] if len(cells) >= CELLS_1S else NO_TRADES
        cells.append(closed)
        # Most cells of a quiet market are empty; then nothing needs to be added.
        if closed is not NO_TRADES or leaving_5s is not NO_TRADES:
            self.last_5s = self.last_5s.plus(closed).minus(leaving_5s)
        if closed is not NO_TRADES or leaving_1s is not NO_TRADES:
            self.last_1s = self.last_1s.plus(closed).minus(leaving_1s)

    @property
    def full_1s(self) -> bool:
        return len(self._cells) >= CELLS_1S

    @property
    def full_5s(self) -> bool:
        return len(self._cells) == CELLS_5S


class MidWindow:
    """Mids at cell ends: returns over whole seconds, and the volatility of 1-s returns."""

    def __init__(self) -> None:
        # Twice the mid, as an integer; None where it was void.
        self._mids: deque[int | None] = deque(maxlen=CELLS_10S + 1)
        # One ring a phase of the second: sums of squares never mix overlapping returns.
        self._squares = [[math.nan] * VOLATILITY_SECONDS for _ in range(CELLS_1S)]
        self._cell = 0

    def close_cell(self, twice_mid: int | None) -> None:
        self._mids.append(twice_mid)
        change = self.return_bp(CELLS_1S)
        second, phase = divmod(self._cell, CELLS_1S)
        self._squares[phase][second % VOLATILITY_SECONDS] = change * change
        self._cell += 1

    def return_bp(self, cells: int) -> float:
        """Return 1e4·ln(m_t / m_{t-h}) over h = cells · 100 ms; NaN where void."""
        mids = self._mids
        if len(mids) <= cells:
            return math.nan
        now, then = mids[-1], mids[-1 - cells]
        if now is None or then is None:
            return math.nan
        return 1e4 * math.log(now / then) if now != then else 0.0

    def volatility_bp(self) -> float:
        """Return the RMS of the last 60 returns of 1 s (bp per √s), void ones left out.

        NaN until 60 s have passed, and where fewer than 45 of them are known.
        """
        squares = self._squares[(self._cell - 1) % CELLS_1S]
        # fsum is exact, so the result does not depend on where the ring started.
        total = math.fsum(squares)
        if total == total:
            return math.sqrt(total / VOLATILITY_SECONDS)
        known = [square for square in squares if square == square]
        if (
            self._cell < VOLATILITY_SECONDS * CELLS_1S
            or len(known) < VOLATILITY_SHARE_NEEDED * VOLATILITY_SECONDS
        ):
            return math.nan
        return math.sqrt(math.fsum(known) / len(known))


class DepthWindow:
    """Mean of the depth near the mid over five minutes, sampled once a second."""

    def __init__(self) -> None:
        self._samples: deque[int | None] = deque(maxlen=DEPTH_SAMPLES)
        self._sum = self._present = 0

    def add(self, depth: int | None) -> None:
        samples = self._samples
        if len(samples) == DEPTH_SAMPLES:
            leaving = samples[0]
            if leaving is not None:
                self._sum -= leaving
                self._present -= 1
        samples.append(depth)
        if depth is not None:
            self._sum += depth
            self._present += 1

    def strength(self, depth: int) -> float:
        """Return ln(depth ÷ its mean); NaN where the window is not full or there is no depth."""
        if len(self._samples) < DEPTH_SAMPLES or self._present < DEPTH_SAMPLES_NEEDED:
            return math.nan
        if depth <= 0 or self._sum <= 0:
            return math.nan
        return math.log(depth * self._present / self._sum)
