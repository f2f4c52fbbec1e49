"""Says that a candle lies in the store. Used by the market feed and by imports."""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import redis
import structlog

from market import keys
from market.candles.timeframes import Timeframe
from market.redis_cluster import AnyClient

log = structlog.get_logger(__name__)

KEPT = 10_000
"""Announcements, about. A reader that was away longer looks into the store anyway."""


class StoredCandle(NamedTuple):
    """A candle that the store holds now; open_ms is market time."""

    venue: str
    symbol: str
    timeframe: Timeframe
    open_ms: int
    provisional: bool


def announce(client: AnyClient, candles: Iterable[StoredCandle]) -> int:
    """Append to `candles:closed` in one go; return how many.

    Another type in its place is replaced: nobody else writes there. Raises one of AWAY where
    Redis is away or refuses.
    """
    candles = tuple(candles)
    errors = _append(client, candles)
    if errors and all("WRONGTYPE" in str(error) for error in errors):
        log.warning("redis_refused", key=keys.candles_closed(), error=str(errors[0]))
        client.delete(keys.candles_closed())
        errors = _append(client, candles)
    if errors:
        raise errors[0]
    return len(candles)


def _append(client: AnyClient, candles: Iterable[StoredCandle]) -> list[redis.RedisError]:
    pipeline: Any = client.pipeline(transaction=False)
    for candle in candles:
        pipeline.xadd(
            keys.candles_closed(),
            {
                "venue": candle.venue,
                "symbol": candle.symbol,
                "timeframe": str(candle.timeframe),
                "open_ms": candle.open_ms,
                "provisional": int(candle.provisional),
                "arrived_ms": time.time_ns() // 1_000_000,
            },
            maxlen=KEPT,
            approximate=True,
        )
    replies = pipeline.execute(raise_on_error=False)
    return [reply for reply in replies if isinstance(reply, redis.RedisError)]
