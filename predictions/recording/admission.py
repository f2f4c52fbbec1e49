"""Whether an entry can have been said when it reached its log, and of the market it names.

Whoever can write to Redis can write entries, and a loop's clock may jump. An entry from beyond
the market's time would end its venue's grading, so it is refused at the door. Read by the
recorders. A decision rests on `clock:market` as it is now, so it is not part of an entry's rows,
which anyone can make again.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import redis

from market import keys
from market.candles.old_runs import is_numbered
from market.clock import MADE_UP, MarketTime
from predictions.rows.claim import Claim
from predictions.running_market import market_time

AHEAD_WALL_MS = 60_000.0
"""How far, in wall time, an entry may be ahead of its market: clocks of several machines differ.
Of a market at speed 60 that is an hour of its own time."""

LOCK_STEP_AHEAD_MS = 3_600_000.0
"""The same for a lock-step market, in its own time, from the newest of its prices."""


@dataclass(slots=True)
class Admission:
    """Judges claims by the running market's time. `look` comes first, once for many."""

    client: redis.Redis
    _market: MarketTime | None = field(init=False, default=None)
    _known: dict[str, MarketTime] = field(init=False, default_factory=dict)
    _now_ms: float = field(init=False, default=math.inf)
    _newest_price_ms: float | None = field(init=False, default=None)

    def look(self) -> None:
        """Read whose time it is. Raises redis.RedisError."""
        self._market = market_time(self.client)
        reply: Any = self.client.time()
        seconds, micros = reply
        # Redis' own: entries' ids are of that clock.
        self._now_ms = seconds * 1e3 + micros / 1e3
        self._newest_price_ms = None
        if self._market is not None:
            self._known[self._market.venue] = self._market
            if self._market.lock_step:
                self._newest_price_ms = _newest_price_ms(self.client)

    def refusal(self, claim: Claim, reached_ms: float) -> str:
        """Return why a claim that reached the log then (wall ms) cannot be; "" where it can."""
        if claim.live and claim.venue.startswith(MADE_UP):
            return f"says that it is live, but {claim.venue} is no live market"
        market = self._market
        if claim.live and market is not None and not market.live and self._since(reached_ms):
            return f"says that it is live, but the market that runs, {market.venue}, is not"
        reached_ms = min(reached_ms, self._now_ms)
        limit_ms = self._limit_ms(claim.venue, reached_ms)
        ahead_ms = max(claim.said_ms, claim.made_ms) - limit_ms
        if ahead_ms > 0:
            return (
                f"its time lies {ahead_ms / 1e3:,.0f} s beyond what that of {claim.venue} can "
                "have been when it reached the log"
            )
        early_ms = claim.said_ms - claim.made_ms
        if early_ms > self._tolerance_ms(claim.venue):
            return f"says that it was made {early_ms / 1e3:,.0f} s before what it speaks of"
        return ""

    def is_stranger(self, claim: Claim, reached_ms: float) -> bool:
        """Return whether a claim is of another market than the one that ran when it came."""
        market = self._market
        return market is not None and market.venue != claim.venue and self._since(reached_ms)

    def market_ms(self, venue: str) -> float | None:
        """Return a venue's time now, as far as a clock tells it. Raises redis.RedisError."""
        self.look()
        market = self._known.get(venue)
        if market is None:
            return None if is_numbered(venue) else self._now_ms
        return None if market.lock_step else market.market_at(self._now_ms)

    def _since(self, reached_ms: float) -> bool:
        # A market that was switched leaves entries behind, and its loops need a moment.
        return self._market is not None and reached_ms > self._market.wall_ms + AHEAD_WALL_MS

    def _limit_ms(self, venue: str, reached_ms: float) -> float:
        market = self._known.get(venue)
        if market is None:
            # A run with a number had a time of its own, which nobody knows any more.
            return math.inf if is_numbered(venue) else reached_ms + AHEAD_WALL_MS
        if market.lock_step:
            newest_ms = self._newest_price_ms if market is self._market else None
            return math.inf if newest_ms is None else newest_ms + LOCK_STEP_AHEAD_MS
        # Before the clock was set, the market's time was at most what it was set to.
        limit_ms = market.market_at(max(reached_ms, market.wall_ms))
        return limit_ms + self._tolerance_ms(venue)

    def _tolerance_ms(self, venue: str) -> float:
        market = self._known.get(venue)
        if market is None:
            return AHEAD_WALL_MS
        return LOCK_STEP_AHEAD_MS if market.lock_step else AHEAD_WALL_MS * max(1.0, market.speed)


def _newest_price_ms(client: redis.Redis) -> float | None:
    # The feed writes a cell's prices before it names the tick.
    prices = list(client.scan_iter(match=keys.px("*"), count=1_000))
    pipeline = client.pipeline(transaction=False)
    for key in prices:
        pipeline.xrevrange(key, count=1)
    found: list[Any] = pipeline.execute(raise_on_error=False) if prices else []
    newest = [entries[0][0] for entries in found if isinstance(entries, list) and entries]
    return max((float(entry_id.split(b"-")[0]) for entry_id in newest), default=None)
