"""Whose market runs, as the web process reads it from Redis. Read by the async views."""

from collections.abc import Mapping
from typing import Any

import redis

from market import keys
from market.clock import LIVE_TIME, MarketTime
from market.listings import Listing, read_listings
from predictions.api.redis_client import web_redis

UNREADABLE_TIME = MarketTime("unknown", live=False, market_ms=0.0, wall_ms=0.0, speed=1.0)
"""What holds where `clock:market` is garbage: nothing is of that venue, and none is served."""


async def running_market() -> MarketTime:
    """Return the running market. Raises redis.RedisError or OSError where Redis is away."""
    try:
        clock: Any = await web_redis().hgetall(keys.clock())
    except redis.ResponseError as error:
        return market_of(error)
    return market_of(clock)


async def listings_of(venue: str) -> dict[str, Listing]:
    """Return what an exchange says of its symbols, if the running market is of `venue`.

    Raises redis.RedisError or OSError where Redis is away.
    """
    try:
        fields: Any = await web_redis().hgetall(keys.listings())
    except redis.ResponseError:
        return {}
    return read_listings(fields, venue)


def market_of(clock: Mapping[str, str] | redis.ResponseError | None) -> MarketTime:
    """Return the market that `clock:market` tells of; an error or None: it holds another type."""
    # No clock at all is a live feed of somebody else; one that cannot be read is no such claim.
    if clock is None or isinstance(clock, redis.ResponseError):
        return UNREADABLE_TIME
    return (MarketTime.from_hash(clock) or UNREADABLE_TIME) if clock else LIVE_TIME


async def named_market() -> dict[str, Any]:
    """Return `venue` and `live` of the running market; null where Redis is away."""
    try:
        market = await running_market()
    except (redis.RedisError, OSError):
        return {"venue": None, "live": None}
    return {"venue": market.venue, "live": market.live}
