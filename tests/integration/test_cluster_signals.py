"""Signals out of a Redis Cluster, whose slots they are spread over: snapshots and REST."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from dashboard.hot_state import HotState
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from market.clock import MarketTime
from market.redis_cluster import AsyncClusterClient
from predictions.api import signal_board
from predictions.api.signal_board import SignalBoard
from tests.redis_cluster import Cluster, running_cluster
from tests.signals import VENUE, signal, store_state

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
AT_MS = 1_700_000_100_000


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


async def test_hot_state_over_a_cluster_reads_signals_of_every_node(cluster: Cluster) -> None:
    said = [signal(s, timeframe, at_ms=AT_MS) for s in SYMBOLS for timeframe in SIGNAL_TIMEFRAMES]
    with redis.RedisCluster.from_url(cluster.url, decode_responses=True) as writer:
        for each in said:
            store_state(writer, each)
    client: Any = AsyncClusterClient.from_url(cluster.url, decode_responses=True)
    try:
        current = await HotState(client, tick_ms=2_000).signals(SYMBOLS)
    finally:
        await client.aclose()
    assert current.frames == [each.frame() for each in said]
    assert current.errors == []


async def test_board_over_a_cluster_reads_every_node_and_a_wrong_type_fails_one_coin(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [signal(s, timeframe, at_ms=AT_MS) for s in SYMBOLS for timeframe in SIGNAL_TIMEFRAMES]
    slots = tuple((each.symbol, each.timeframe) for each in said)
    spoilt = keys.sig(*slots[0])
    with redis.RedisCluster.from_url(cluster.url, decode_responses=True) as writer:
        clock = MarketTime(VENUE, live=False, market_ms=AT_MS, wall_ms=0.0, speed=0.0)
        writer.hset(keys.clock(), mapping=clock.to_hash())
        for each in said:
            store_state(writer, each)
        writer.delete(spoilt)
        writer.hset(spoilt, "signal", "?")
    client: Any = AsyncClusterClient.from_url(cluster.url, decode_responses=True)
    monkeypatch.setattr(signal_board, "web_redis", lambda: client)
    try:
        reading = await SignalBoard().read(slots)
    finally:
        await client.aclose()

    states = reading.contents.states
    assert [states[slot].signal for slot in slots[1:]] == said[1:]
    error = states[slots[0]].error
    assert error is not None
    assert error.code == "signal_unreadable"
    assert reading.now_ms() == AT_MS
