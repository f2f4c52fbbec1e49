"""Mids of the recent past from `px:{symbol}`, for grading where a tick is missing.

Read by the recorder's grading.
"""

import math
from collections.abc import Iterable, Mapping

import redis

from market import keys
from market.clock import MarketTime
from predictions.grading.forecast_outcomes import Target
from predictions.running_market import market_time

MAX_AGE_MS = 5_000
"""A mid this much older than the target no longer stands for it."""

CANDIDATES = 8
"""How many mids before a target are looked at until one is a price."""

COMMANDS_A_TIME = 500


class RedisPriceHistory:
    """Looks in the streams that the market feed writes."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def mids_at(self, venue: str, targets: Iterable[Target]) -> dict[Target, float]:
        """Return the last mid at or before each target, where one is at most 5 s older.

        The streams hold one market's prices: the one that `clock:market` names. Where that is
        another venue than the one asked for, nothing is known.
        """
        wanted = sorted(targets)
        if not wanted or not self._covers(venue):
            return {}
        found: dict[Target, float] = {}
        for start in range(0, len(wanted), COMMANDS_A_TIME):
            chunk = wanted[start : start + COMMANDS_A_TIME]
            pipeline = self._redis.pipeline(transaction=False)
            for target in chunk:
                pipeline.xrevrange(
                    keys.px(target.symbol),
                    max=str(target.tick_ms),
                    min=str(target.tick_ms - MAX_AGE_MS),
                    count=CANDIDATES,
                )
            for target, entries in zip(chunk, pipeline.execute(), strict=True):
                mid = _newest_price(entries)
                if mid is not None:
                    found[target] = mid
        # A feed that started over meanwhile may have filled the streams with its own prices.
        return found if self._covers(venue) else {}

    def market_time(self) -> MarketTime | None:
        """Return whose time it is; None where no feed of ours says so."""
        return market_time(self._redis)

    def _covers(self, venue: str) -> bool:
        time = self.market_time()
        return time is None or time.venue == venue


def _newest_price(entries: Iterable[tuple[bytes, Mapping[bytes, bytes]]]) -> float | None:
    for _, fields in entries:
        try:
            mid = float(fields[b"mid"])
        except (KeyError, ValueError):
            continue
        if math.isfinite(mid) and mid > 0:
            return mid
    return None
