"""Whose time it is, as the recorder's process reads it from Redis.

Read by grading, and by the recorders before they store. The web process has its own reading
(`predictions.api.running_market`), which is asynchronous.
"""

from collections.abc import Mapping
from typing import Any

import redis

from market import keys
from market.clock import MarketTime

BEYOND_MS = 2.0**53
"""No time is as large as this, and NaN is not smaller."""


def market_time(client: redis.Redis) -> MarketTime | None:
    """Return what `clock:market` says; None where it says nothing, or nothing that can be."""
    try:
        fields: Any = client.hgetall(keys.clock())
    except redis.ResponseError:
        return None  # somebody put another type there; the feed replaces it
    market = MarketTime.from_hash(_text(fields))
    if market is None:
        return None
    times = (market.market_ms, market.wall_ms, market.speed)
    return market if all(abs(each) < BEYOND_MS for each in times) else None


def _text(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {
        name.decode(errors="replace"): value.decode(errors="replace")
        for name, value in fields.items()
    }
