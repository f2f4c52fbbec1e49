"""What a live market says, put into the logs, and the publisher stepped; for tests of MQTT."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import redis

from inference.forecasts.entry import COLUMN, COLUMNS, TickEntry
from inference.handover.chain import GENESIS
from inference.signals.entry import BatchEntry, Said
from inference.signals.signal import Signal
from market import keys
from market.candles.timeframes import Timeframe
from market.hot.vector import FEATURE_COUNT
from predictions.mqtt.address import parse_address
from predictions.mqtt.loop import PublishingLoop
from predictions.mqtt.topics import Topics
from tests.mqtt_broker import Listener
from tests.signals import signal
from tests.waiting import eventually_sync

ROOT = "hbot/predictions"
PLAIN = f"{ROOT}/btc_usdt/ML_SIGNALS"
OWN = f"{ROOT}/15m/btc_usdt/ML_SIGNALS"
HOURLY = f"{ROOT}/1h/btc_usdt/ML_SIGNALS"
FORECASTS = f"{ROOT}/btc_usdt/FORECASTS"
STATUS = f"{ROOT}/STATUS"


def publisher(
    client: redis.Redis, url: str, stopping: Callable[[], bool] = lambda: False
) -> PublishingLoop:
    topics = Topics(ROOT, Timeframe.M15)
    return PublishingLoop(client, parse_address(url), topics, stopping, block_ms=10)


def now_ms() -> float:
    return time.time() * 1000


def go_on(loop: PublishingLoop, ahead_ms: float) -> None:
    """Let time pass for a publisher, and for nobody else."""
    loop.publishing.now_ms = lambda: now_ms() + ahead_ms


def spoken(
    timeframe: Timeframe = Timeframe.M15, *, left_ms: float = 60_000, **changes: Any
) -> Signal:
    """Return a live signal that is valid for so long from now."""
    # A candle closes on its grid, so the time until which it is valid is what is moved here.
    at_ms = now_ms() + left_ms - timeframe.ms * 2 // 15
    given: dict[str, Any] = {"venue": "binance", "live": True}
    made = signal(timeframe=timeframe, at_ms=at_ms, **(given | changes))
    return _moved(made, round(at_ms))


def _moved(made: Signal, close_ms: int) -> Signal:
    return msgspec.structs.replace(
        made,
        candle_open_ms=close_ms - made.timeframe.ms,
        candle_close_ms=close_ms,
        made_ms=close_ms,
    )


def say(client: redis.Redis, *signals: Signal, revision: int = 0) -> None:
    first = signals[0]
    entry = BatchEntry(
        venue=first.venue,
        live=first.live,
        batch=first.made_ms,
        timeframe=first.timeframe,
        made_ms=first.made_ms,
        missed=0,
        shard=0,
        token=1,
        signals=[Said(each, revision) for each in signals],
        gaps=[],
    )
    client.xadd(keys.log("signals"), {"entry": entry.pack()})


def tick(
    client: redis.Redis,
    *,
    live: bool = True,
    age_ms: int = 0,
    price: float = 61_500.5,
    symbols: tuple[str, ...] = ("BTCUSDT",),
) -> TickEntry:
    numbers = np.full((len(COLUMNS), len(symbols)), np.nan)
    numbers[COLUMN["current_price"]] = 61_500.0
    numbers[COLUMN["predicted_price"]] = price
    tick_ms = round(now_ms()) - age_ms
    entry = TickEntry(
        venue="binance",
        live=live,
        tick=tick_ms // 2000,
        tick_ms=tick_ms,
        made_ms=tick_ms + 1,
        horizon_ms=10_000,
        latency_ms=1.0,
        missed=0,
        shard=0,
        token=1,
        prev=GENESIS,
        model_version="v1",
        base_version="v1",
        role="champion",
        digest="d" * 64,
        symbols=[*symbols],
        sources=["redis"] * len(symbols),
        reasons=[""] * len(symbols),
        numbers=numbers,
        features=np.full((len(symbols), FEATURE_COUNT), np.nan),
    )
    client.xadd(keys.log("forecasts"), {"entry": entry.pack()})
    return entry


def steps(loop: PublishingLoop, listener: Listener, *topics: str) -> None:
    """Step until something has come on every topic."""

    step_until(loop, lambda: all(listener.on(topic) for topic in topics))


def step_until(loop: PublishingLoop, condition: Callable[[], object]) -> None:
    """Step until the condition holds."""

    def holds() -> object:
        loop.step()
        return condition()

    eventually_sync(holds)
