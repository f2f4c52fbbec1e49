"""Snapshots of signals out of a Redis Cluster, whose slots they are spread over."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from dashboard.hot_state import HotState
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from market.redis_cluster import AsyncClusterClient
from tests.redis_cluster import Cluster, running_cluster
from tests.signals import signal, store_state

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
