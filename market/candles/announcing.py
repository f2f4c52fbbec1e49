"""Says that a candle lies in the store. Used by the market feed and by imports."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from market import keys
from market.candles.timeframes import Timeframe
from market.redis_cluster import AnyClient

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

    Raises one of AWAY where Redis is away or refuses.
    """
    pipeline = client.pipeline(transaction=False)
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
    return len(pipeline.execute())
