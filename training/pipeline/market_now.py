"""Whose market runs, and what time it is there; free of training's libraries."""

import time
from typing import cast

import redis
from django.conf import settings

from market import keys
from market.clock import LIVE_TIME, MarketTime
from market.redis_cluster import AWAY, connect
from predictions.running_market import market_time

ANSWER_SECONDS = 2.0


def running_market() -> MarketTime | None:
    """Return whose market runs; None where Redis does not answer, or no exchange did yet.

    Where no market process is there at all, somebody else feeds the hot state, in UTC.
    """
    try:
        with connect(
            settings.REDIS_URL,
            cluster=settings.INFERENCE.redis.cluster_mode,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
        ) as client:
            market = market_time(cast(redis.Redis, client))
            if market is None and not client.exists(keys.health("market")):
                return LIVE_TIME
            return market
    except AWAY:
        return None


def market_now_ms(market: MarketTime) -> float:
    """Return the market's own time, UTC ms of a live one."""
    if market.lock_step:
        return market.market_ms
    return market.market_at(time.time() * 1000)
