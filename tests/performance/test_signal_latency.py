"""A candle's way through the processes: closed, stored, announced, and a signal within a second."""

from pathlib import Path
from typing import Any

import redis
from django.conf import settings

from inference.signals.entry import BatchEntry
from inference.vocabulary import SIGNALS
from market import keys
from market.candles.timeframes import Timeframe
from market.clock import MarketTime
from tests.ports import free_port
from tests.processes import running_instance
from tests.waiting import eventually_sync

SPEED = 100
"""A 15-minute candle every nine seconds."""
WITHIN_MS = 1_000
M15 = Timeframe.M15
Candle = tuple[str, int]
"""Coin, and when it opened."""


def test_signals_of_all_coins_follow_their_candles_within_a_second(
    short_dir: Path, instance_env: dict[str, str]
) -> None:
    environment = {
        "MARKET_SOURCE": "simulated",
        "MARKET_SPEED": str(SPEED),
        "SIGNALS_METRICS_PORT": str(free_port()),
    }
    with running_instance(short_dir, instance_env, **environment) as instance:
        instance.start("run_market_feed")
        instance.start("run_signal_loop")
        with instance.client() as log, instance.client(decode_responses=True) as client:
            eventually_sync(lambda: said_at(log), 90)
            # What a start finds in the store closed long before; what closes later is measured.
            first_ms = max(open_ms for _, open_ms in said_at(log))
            coins = settings.SIGNAL_SYMBOLS
            eventually_sync(lambda: len(later(said_at(log), first_ms)) >= 2 * len(coins))
            said = later(said_at(log), first_ms)
            market = MarketTime.from_hash(client.hgetall(keys.clock()))
    assert market is not None
    late_ms = [
        at_ms - market.wall_ms - (open_ms + M15.ms - market.market_ms) / market.speed
        for (_, open_ms), at_ms in said.items()
    ]
    assert max(late_ms) < WITHIN_MS


def later(said: dict[Candle, int], open_ms: int) -> dict[Candle, int]:
    return {candle: at_ms for candle, at_ms in said.items() if candle[1] > open_ms}


def said_at(client: redis.Redis) -> dict[Candle, int]:
    """Return when each 15-minute signal reached the log (wall ms), by coin and candle."""
    log: Any = client.xrange(keys.log(SIGNALS))
    return {
        (each.signal.symbol, each.signal.candle_open_ms): int(stream_id.split(b"-")[0])
        for stream_id, fields in log
        for entry in [BatchEntry.unpack(fields[b"entry"])]
        if entry.timeframe is M15
        for each in entry.signals
    }
