"""A service that answers with signals made by hand, and signal loops over it, for tests."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from inference.config import RedisConfig
from inference.signals.asking import Answer
from inference.signals.loop import SignalLoop
from inference.signals.metrics import SignalMetrics
from inference.signals.moment import Moment
from inference.signals.signal import Signal, signal_error
from inference.signals.status import SignalStatus
from inference.vocabulary import SignalReason
from market import keys
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from tests.signals import signal

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
VENUE = "simulated/1"
DAY_MS = 1_767_225_600_000
"""2026-01-01T00:00:00 UTC: a close of every timeframe."""

M15 = Timeframe.M15


def make_signal(symbol: str = "BTCUSDT", timeframe: Timeframe = M15, **changes: Any) -> Signal:
    """Return a LONG of the candle that closed at DAY_MS, or of the one that changes name."""
    open_ms = changes.get("candle_open_ms", DAY_MS - timeframe.ms)
    given = {"at_ms": open_ms + timeframe.ms + 400, "venue": VENUE, "entry": 100.0} | changes
    return signal(symbol, timeframe, **(given | {"candle_close_ms": open_ms + timeframe.ms}))


@dataclass
class FakePredictor:
    """Answers from what a test has put into its store: the open of each newest candle.

    refused: symbols whose model cannot be served. closes: last prices, by symbol.
    """

    newest: dict[tuple[str, Timeframe], int] = field(default_factory=dict)
    provisional: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    closes: dict[str, float] = field(default_factory=dict)
    calls: list[tuple[Timeframe, tuple[str, ...], Moment]] = field(default_factory=list)
    refreshed: int = 0
    failing: bool = False

    def store(self, timeframe: Timeframe, open_ms: int, *symbols: str) -> None:
        for symbol in symbols or SYMBOLS:
            self.newest[symbol, timeframe] = open_ms

    def predict_batch(
        self, symbols: Sequence[str], timeframe: Timeframe, *, moment: Moment
    ) -> list[Answer]:
        self.calls.append((timeframe, tuple(symbols), moment))
        if self.failing:
            raise RuntimeError("the service is broken")
        return [self._answer(symbol, timeframe, moment) for symbol in symbols]

    def refresh(self) -> None:
        self.refreshed += 1

    def _answer(self, symbol: str, timeframe: Timeframe, moment: Moment) -> Answer:
        if symbol in self.refused:
            return signal_error(symbol, timeframe, SignalReason.MODEL_MISSING)
        if (symbol, timeframe) not in self.newest:
            return signal_error(symbol, timeframe, SignalReason.CANDLES_MISSING)
        entry = self.closes.get(symbol, 100.0)
        return make_signal(
            symbol,
            timeframe,
            venue=moment.venue,
            live=moment.live,
            candle_open_ms=min(
                self.newest[symbol, timeframe], timeframe.last_closed(moment.now_ms)
            ),
            made_ms=int(moment.now_ms),
            provisional=symbol in self.provisional,
            entry=entry,
        )


def make_signal_loop(redis_url: str, predictor: FakePredictor, **changes: Any) -> SignalLoop:
    """Return a loop over the tests' Redis; keywords replace SignalLoop's arguments."""
    arguments: dict[str, Any] = {
        "symbols": SYMBOLS,
        "exchange": "exchange",
        "predictor": predictor,
        "refresh": predictor.refresh,
        "redis_url": redis_url,
        "redis_config": RedisConfig(socket_timeout_seconds=0.5),
        "status": SignalStatus(),
        "metrics": SignalMetrics(),
        "stopping": lambda: False,
    }
    return SignalLoop(**(arguments | changes))


def set_clock(client: redis.Redis, market_ms: float, *, venue: str = VENUE, speed: float = 1.0):
    """Let a feed say that it is market_ms now."""
    market = MarketTime(venue, False, float(market_ms), time.time() * 1e3, speed)
    client.hset(keys.clock(), mapping=market.to_hash())


def announce(
    client: redis.Redis, open_ms: int, *symbols: str, timeframe: Timeframe = M15, venue: str = VENUE
) -> None:
    """Let a feed say that candles lie in the store."""
    for symbol in symbols or SYMBOLS:
        fields: dict[Any, Any] = {
            "venue": venue,
            "symbol": symbol,
            "timeframe": timeframe.value,
            "open_ms": open_ms,
            "provisional": 0,
            "arrived_ms": time.time() * 1e3,
        }
        client.xadd(keys.candles_closed(), fields)
