"""A market as the Live page sees it: hot state written and ticks published by the tests."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import msgspec
import redis

from market import keys
from market.feed_state import FeedState
from tests.integration.web_socket import (
    TICK_MS,
    publish_as_loop,
    store_book,
    store_clock,
    store_prediction,
    store_tape,
    tick_message,
)


class LiveMarket:
    """Market time is wall time; every coin's mid stands at 60,000.25."""

    # A server that has seen a tick takes it for a repetition in the next test, too.
    _newest: ClassVar[int] = 0

    def __init__(
        self,
        client: redis.Redis,
        symbols: Sequence[str],
        *,
        venue: str = "simulated",
        live: bool = False,
    ) -> None:
        self.client = client
        self.symbols = tuple(symbols)
        self.venue = venue
        self.live = live
        self.seq = max(int(time.time() * 1000 // TICK_MS), LiveMarket._newest + 1)
        self.run_at(1.0)
        for symbol in symbols:
            self.features(symbol)

    def run_at(self, speed: float) -> None:
        store_clock(
            self.client,
            now_ms=time.time() * 1000,
            venue=self.venue,
            live=self.live,
            speed=speed,
        )

    def exchange_clock(self, offset_ms: float, uncertainty_ms: float) -> None:
        """Have the feed say how far the exchange's clock is ahead of ours."""
        feed = FeedState("binance", clock_offset_ms=offset_ms, clock_uncertainty_ms=uncertainty_ms)
        detail = msgspec.json.encode({"feed": feed}).decode()
        beat: Any = {"status": "active", "pid": 1, "ts": round(time.time() * 1e3), "detail": detail}
        self.client.hset(keys.health("market"), mapping=beat)

    def features(self, symbol: str, *, age_ms: float = 0, ahead_ms: int = 0) -> None:
        """Write a coin's best prices and features, that old; its exchange is 12 ms away.

        ahead_ms: by how much the exchange's clock runs ahead.
        """
        feature_ms = time.time() * 1000 - age_ms
        # No feed writes them anew: those of now are to be fresh for as long as a test takes.
        proven_ms = feature_ms if age_ms else feature_ms + 120_000
        book: Any = {
            "bid": "60000", "bid_size": "1", "ask": "60000.5", "ask_size": "2",
            "ts": str(round(feature_ms)),
        }  # fmt: skip
        self.client.hset(keys.ob(symbol), mapping=book)
        features: Any = {
            "mid_price": "60000.25",
            "feature_ts": repr(proven_ms / 1000),
            "event_ts_ms": str(round(feature_ms)),
            "exchange_ts_ms": str(round(feature_ms) - 12 + ahead_ms),
        }
        self.client.hset(keys.feat(symbol), mapping=features)

    def prices(self, symbol: str, seconds: Iterable[int]) -> None:
        """Write the price line at these seconds since 1970; the mid names its second."""
        pipeline = self.client.pipeline(transaction=False)
        for second in seconds:
            mid = 60_000 + second % 1_000
            pipeline.xadd(keys.px(symbol), {"mid": repr(mid)}, id=f"{second * 1_000 + 10}-0")
        pipeline.execute()

    def depth(self, symbol: str, *, bid: float = 60_000.0, trades: Iterable[int] = ()) -> None:
        store_book(self.client, symbol, bid=bid, ts=round(time.time() * 1000))
        store_tape(self.client, symbol, trades)

    def tick(self, *symbols: str, seq: int | None = None, ago_ms: int = 0) -> int:
        """Publish a tick as the loop does, sent `ago_ms` ago; return its number."""
        number = self.seq if seq is None else seq
        said_of = symbols or self.symbols
        for symbol in said_of:
            store_prediction(self.client, symbol, number, venue=self.venue, live=self.live)
        message = tick_message(number, *said_of, venue=self.venue)
        publish_as_loop(
            self.client,
            message | {"live": self.live, "published_ms": round(time.time() * 1000) - ago_ms},
        )
        self.seq = number + 1
        LiveMarket._newest = number
        return number

    def outcomes(self, *frames: dict[str, Any]) -> None:
        publish_as_loop(self.client, {"type": "outcomes", "frames": list(frames)})
