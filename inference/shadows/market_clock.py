"""What time it is in the market that an entry speaks of, so that nothing is said after the fact."""

import time

from inference.handover.connections import AnyClient
from inference.signals.market_state import read_market_time
from market.clock import LIVE_TIME, LiveClock, MarketTime

LOOK_SECONDS = 1.0


class MarketClock:
    """`clock:market`, read once a second at most, and the newest time that an entry told."""

    def __init__(self, client: AnyClient) -> None:
        self._client = client
        self._clock = LiveClock()
        self._market: MarketTime = LIVE_TIME
        self._newest: tuple[str, float] = "", 0.0
        self._looked_at = float("-inf")

    def heard(self, venue: str, at_ms: float) -> None:
        """Take in that a venue's market has come so far: a leader spoke of that time."""
        newest = self._newest[1] if venue == self._newest[0] else 0.0
        self._newest = venue, max(newest, at_ms)

    @property
    def real_time(self) -> bool:
        """Return whether the market runs as fast as the clock, so that all can be answered."""
        return self._market.speed == 1

    async def now_ms(self, venue: str) -> float | None:
        """Return a venue's time now; None where another market runs.

        Raises redis.RedisError, or UnreadableClockError.
        """
        now = time.monotonic()
        if now - self._looked_at >= LOOK_SECONDS or self._market.venue != venue:
            self._market = await read_market_time(self._client)
            self._looked_at = now
            self._clock.resync()
        if self._market.venue != venue:
            return None
        told_ms = self._newest[1] if self._newest[0] == venue else 0.0
        return max(told_ms, self._market.market_at(self._clock.now_ms()))
