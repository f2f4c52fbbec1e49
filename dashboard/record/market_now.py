"""What time it is in the market that a prediction was made in. Read by the record's pages."""

import time

import redis

from market.clock import MarketTime
from predictions.api.running_market import running_market
from predictions.models import Forecast, Signal


async def now_in_market(row: Forecast | Signal) -> int | None:
    """Return the market time in ms; None where it cannot be known: another market runs.

    A live market's time is everybody's. In lock-step it is that of the last tick.
    """
    wall_ms = time.time() * 1000
    if row.live:
        return int(wall_ms)
    try:
        market: MarketTime = await running_market()
    except (redis.RedisError, OSError):
        return None
    if market.venue != row.venue:
        return None
    return int(market.market_at(wall_ms))
