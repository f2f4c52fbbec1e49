"""How far the exchange's clock is from ours, as its REST API tells the time.

Shown, and no more: nothing is decided by exchange time.
"""

import asyncio
from collections.abc import Callable

from market.feeds.live.link import Link, LinkError

EVERY_SECONDS = 60.0
QUESTIONS = 5
BETWEEN_SECONDS = 0.2


class ClockOffset:
    """offset_ms: the exchange's clock less ours; uncertainty_ms: to either side. None: unknown."""

    def __init__(self, link: Link, now_ns: Callable[[], int]) -> None:
        self._link = link
        self._now_ns = now_ns
        self.offset_ms: float | None = None
        self.uncertainty_ms: float | None = None

    async def run(self, left_alone: Callable[[], bool]) -> None:
        """Measure every minute until cancelled; left_alone: whether nothing may be asked now."""
        while True:
            if not left_alone():
                await self.measure()
            await asyncio.sleep(EVERY_SECONDS)

    async def measure(self) -> None:
        """Ask some times and believe the quickest answer; keep what is known where none comes."""
        best: tuple[float, float] | None = None
        for _ in range(QUESTIONS):
            try:
                found = await self._ask()
            except LinkError:
                break
            if best is None or found < best:
                best = found
            await asyncio.sleep(BETWEEN_SECONDS)
        if best is not None:
            self.uncertainty_ms, self.offset_ms = best

    async def _ask(self) -> tuple[float, float]:
        asked_ns = self._now_ns()
        told_ms = await self._link.server_time_ms()
        answered_ns = self._now_ns()
        half_ms = (answered_ns - asked_ns) / 2e6
        # It was read somewhere between; a clock told in steps adds half of one.
        step_ms = self._link.clock_step_ms / 2
        return half_ms + step_ms, told_ms + step_ms - (asked_ns + answered_ns) / 2e6
