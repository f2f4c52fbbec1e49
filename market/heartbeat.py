"""The heartbeat of a running market: what it is, how it does, and its clock.

The pump has it beat once a second.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import redis
import structlog

from market import keys
from market.clock import FieldT, MarketTime
from market.feed_state import FEED_DOWN, lost_exchange
from market.feeds.opening import OpenedFeed
from market.hot.tracking import MarketTracker
from market.listings_writer import ListingsWriter
from market.redis_cluster import AnyClient

log = structlog.get_logger(__name__)


class Heartbeat:
    """Writes `health:market`, `clock:market`, and what a live exchange lists."""

    def __init__(self, opened: OpenedFeed, client: AnyClient, tracker: MarketTracker) -> None:
        self._opened = opened
        self._client = client
        self._tracker = tracker
        self._listings: ListingsWriter | None = None
        if opened.listings is not None:
            self._listings = ListingsWriter(client, opened.venue, opened.listings)

    def beat(
        self, market: MarketTime, said: Mapping[str, Any], remove: Callable[..., None]
    ) -> None:
        """Write all of it. said: what the pump adds to the detail; remove: of foreign keys.

        Raises redis' errors of a Redis that is away.
        """
        now_ms = round(time.time() * 1e3)
        detail = {**self._detail(now_ms), **said}
        beat: dict[FieldT, FieldT] = {
            "status": FEED_DOWN if "outage" in detail else "active",
            "pid": os.getpid(),
            "ts": now_ms,
            "detail": json.dumps(detail),
        }
        try:
            pipeline = self._client.pipeline(transaction=False)
            pipeline.hset(keys.health("market"), mapping=beat)
            pipeline.expire(keys.health("market"), keys.HEALTH_TTL_SECONDS)
            # Again each time: a Redis that lost its data must learn the time anew.
            pipeline.hset(keys.clock(), mapping=market.to_hash())
            pipeline.execute()
            if self._listings is not None:
                self._listings.beat()
        except redis.ResponseError as error:
            log.warning("redis_refused", key=keys.clock(), error=str(error))
            remove(keys.clock(), keys.health("market"))

    def _detail(self, now_ms: float) -> dict[str, Any]:
        opened = self._opened
        detail: dict[str, Any] = {
            **opened.told,
            "venue": opened.venue,
            "live": opened.live,
            "speed": opened.speed,
            "faults": dict(opened.feed.faults),
            "symbols": {
                symbol: {
                    "book": features.book.state.value,
                    "gaps": features.book.gaps,
                    "reanchors": features.book.reanchors,
                    "crossed": features.book.crossed,
                    "trade_gaps": features.trade_gaps,
                    "from_future": features.from_future,
                    "exchange_offset_ms": features.exchange_offset_ms,
                }
                for symbol, features in self._tracker.symbols.items()
            },
        }
        feed = opened.feed.state()
        if feed is not None:
            detail["feed"] = msgspec.to_builtins(feed)
            outage = lost_exchange(feed, now_ms)
            if outage is not None:
                detail["outage"] = msgspec.to_builtins(outage)
        return detail
