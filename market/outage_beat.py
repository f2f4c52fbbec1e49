"""The heartbeat of a market process that has no feed yet, as no exchange answers.

Where no market has named itself before, it says that there is none: else whoever looks would
take what Redis holds, or lacks, for a feed of somebody else's.
"""

import json
import os
import time
from collections.abc import Callable

import msgspec
import redis
import structlog

from market import keys
from market.clock import NO_VENUE, FieldT, MarketTime
from market.feed_state import FEED_DOWN, Outage
from market.feeds.opening import MarketChoice
from market.pump import HEARTBEAT_SECONDS
from market.redis_cluster import AWAY, AnyClient

log = structlog.get_logger(__name__)


class OutageBeat:
    """Beats once a second from the first outage that it is told of."""

    def __init__(
        self, client: AnyClient, choice: MarketChoice, stopping: Callable[[], bool]
    ) -> None:
        self._client = client
        self._choice = choice
        self._stopping = stopping
        self._outage: Outage | None = None
        self._beaten = -HEARTBEAT_SECONDS

    def down(self, outage: Outage) -> None:
        """Say from now on that no exchange answers."""
        self._outage = outage
        self._beaten = -HEARTBEAT_SECONDS

    def going_on(self) -> bool:
        """Tell whether to go on; beat once a second while no exchange answers."""
        now = time.monotonic()
        if self._outage is not None and now - self._beaten >= HEARTBEAT_SECONDS:
            self._beaten = now
            self._beat(self._outage)
        return not self._stopping()

    def _beat(self, outage: Outage) -> None:
        detail = {
            "source": self._choice.source,
            "exchange": self._choice.exchange,
            "outage": msgspec.to_builtins(outage),
        }
        beat: dict[FieldT, FieldT] = {
            "status": FEED_DOWN,
            "pid": os.getpid(),
            "ts": round(time.time() * 1e3),
            "detail": json.dumps(detail),
        }
        now_ms = time.time() * 1e3
        nobody = MarketTime(NO_VENUE, live=False, market_ms=now_ms, wall_ms=now_ms, speed=1.0)
        try:
            pipeline = self._client.pipeline(transaction=False)
            pipeline.hset(keys.health("market"), mapping=beat)
            pipeline.expire(keys.health("market"), keys.HEALTH_TTL_SECONDS)
            for name, value in nobody.to_hash().items():
                pipeline.hsetnx(keys.clock(), name, value)
            pipeline.execute()
        except (redis.ResponseError, *AWAY) as error:
            log.warning("redis_unavailable", error=str(error))
