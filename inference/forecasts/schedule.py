"""When the next tick is due: absolute times on the UTC grid, so nothing drifts.

A tick that is late is run at once and counted; one that is later than half a period is skipped
and counted. Ticks are never bunched up.
"""

import asyncio
import time
from dataclasses import dataclass

from market.clock import LiveClock, MarketTime

LATE_MS = 100.0
"""The specification's tolerance of the frequency."""

SPIN_SECONDS = 0.002
"""The event loop's timers are good to a millisecond; the rest is slept exactly."""

NAP_SECONDS = 0.5
"""Longest wait at a time, so that a stop or another market's clock is seen soon."""


@dataclass(frozen=True, slots=True)
class Due:
    """A tick to run now. lateness_ms: how long after its time, in wall time."""

    tick: int
    tick_ms: int
    lateness_ms: float
    missed: int


class Schedule:
    """The grid of one market's time."""

    def __init__(self, period_ms: int, clock: LiveClock) -> None:
        self._period_ms = period_ms
        self._clock = clock
        self._market: MarketTime | None = None
        self._last: int | None = None

    def follow(self, market: MarketTime) -> None:
        """Take over another market's time; the count of missed ticks starts anew."""
        if self._market is None or self._market.venue != market.venue:
            self._last = None
        self._market = market

    def now_ms(self) -> float:
        """Return market time now (ms)."""
        if self._market is None or self._market.speed == 0:
            return self._clock.now_ms()
        return self._market.market_at(self._clock.now_ms())

    async def wait(self) -> Due | None:
        """Sleep until the next tick; None where more waiting is needed (call again)."""
        next_tick = self._next()
        wall_ms = float(next_tick * self._period_ms)
        speed = 1.0
        if self._market is not None:
            wall_ms, speed = self._market.wall_at(wall_ms), self._market.speed
        ahead = (wall_ms - self._clock.now_ms()) / 1e3
        if ahead > NAP_SECONDS:
            await asyncio.sleep(NAP_SECONDS - SPIN_SECONDS)
            return None
        if ahead > SPIN_SECONDS:
            await asyncio.sleep(ahead - SPIN_SECONDS)
        rest = (wall_ms - self._clock.now_ms()) / 1e3
        if rest > 0:
            # At most SPIN_SECONDS; asyncio's own timer would wake up to a millisecond late.
            time.sleep(rest)  # noqa: ASYNC251
        lateness_ms = self._clock.now_ms() - wall_ms
        if lateness_ms * speed > self._period_ms / 2:
            return None  # too late for this one: _next() counts it as missed
        missed = 0 if self._last is None else next_tick - self._last - 1
        self._last = next_tick
        return Due(next_tick, next_tick * self._period_ms, lateness_ms, missed)

    def named(self, tick_ms: int) -> Due:
        """Return the tick that a lock-step feed has named."""
        tick = tick_ms // self._period_ms
        missed = 0 if self._last is None else max(0, tick - self._last - 1)
        self._last = tick
        return Due(tick, tick_ms, 0.0, missed)

    def _next(self) -> int:
        now = self.now_ms()
        # Half a period of grace: a tick whose time has just come is run, late.
        upcoming = int((now + self._period_ms / 2) // self._period_ms)
        if self._last is None:
            return int(now // self._period_ms) + 1
        return max(self._last + 1, upcoming) if upcoming <= self._last + 1 else upcoming
