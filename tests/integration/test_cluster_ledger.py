"""A market fed into a Redis Cluster, forecast there and recorded from there."""

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings

from cryptosite.processes import heartbeat
from dashboard.hot_state import HotState
from inference.config import RedisConfig, ServiceConfig
from market import keys
from market.feeds.opening import OpenedFeed
from market.feeds.simulated import SimulatedFeed
from market.hot.vector import FEATURE_NAMES
from market.pump import Pump
from market.redis_cluster import AWAY
from market.redis_cluster import connect as connect_feed
from predictions.api.redis_client import web_redis
from predictions.models import Forecast, ForecastOutcome
from predictions.recording.log_reader import LogReader
from predictions.recording.loop import RecordingLoop, connect
from tests.hot_state import make_loop
from tests.integration.ledger import new_recorder
from tests.redis_cluster import NODES, Cluster, running_cluster
from tests.waiting import PATIENCE_SECONDS

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT")
TICKS = 8
CLUSTERED = ServiceConfig(redis=RedisConfig(cluster_mode=True, socket_timeout_seconds=1.0))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def configured(cluster: Cluster, settings: Any) -> Cluster:
    cluster.flush()
    settings.INFERENCE = CLUSTERED
    settings.REDIS_URL = cluster.url
    return cluster


@pytest.fixture
def client(configured: Cluster) -> Iterator[redis.RedisCluster]:
    client = connect_feed(configured.url, cluster=True, decode_responses=True, socket_timeout=5)
    assert isinstance(client, redis.RedisCluster)
    with client:
        yield client


def simulated(speed: float) -> OpenedFeed:
    feed = SimulatedFeed(SYMBOLS, seed=1, start_ms=1_767_225_600_000, preroll_ms=70_000)
    return OpenedFeed(feed, "simulated/1", live=False, speed=speed, in_utc=False)


def play(url: str, client: redis.RedisCluster) -> Pump:
    """Play a simulated market in lock-step through a feed and a loop."""
    done = threading.Event()
    pump = Pump(simulated(speed=0), client, done.is_set)
    feeding = threading.Thread(target=pump.run)
    feeding.start()
    try:
        asyncio.run(_forecast(url))
    finally:
        done.set()
        feeding.join(PATIENCE_SECONDS)
    return pump


async def _forecast(url: str) -> None:
    async with asyncio.timeout(60):
        await make_loop(url, config=CLUSTERED, symbols=SYMBOLS).run(TICKS)


@pytest.mark.django_db
def test_market_fed_forecast_and_recorded_over_a_cluster(configured, client):
    pump = play(configured.url, client)

    assert {configured.owner(keys.feat(symbol)) for symbol in SYMBOLS} == set(range(NODES))
    for symbol in SYMBOLS:
        assert set(FEATURE_NAMES) < set(client.hgetall(keys.feat(symbol)))
        assert float(client.hget(keys.ob(symbol), "bid")) > 0
        assert client.xlen(keys.px(symbol)) > 60
    assert pump.counters["commands_refused"] == pump.counters["writes_dropped"] == 0

    recording = connect(configured.url)
    reader = partial(LogReader, cluster=True)
    recorder = new_recorder(recording, reader=reader)
    RecordingLoop([recorder], recording, lambda: False).run(once=True)

    assert Forecast.objects.filter(source="redis").count() == TICKS * len(SYMBOLS)
    assert ForecastOutcome.objects.filter(target_mid__gt=0).count() >= 3 * len(SYMBOLS)
    log_key = keys.log("forecasts", cluster=True)
    assert recording.xpending(log_key, keys.RECORDER_GROUP)["pending"] == 0
    assert recorder.reader.trim(retention_ms=-60_000) == TICKS - 1
    assert recording.hget(keys.health("recorder"), "status") == b"healthy"
    recording.close()


def test_feed_goes_on_after_a_slot_has_moved(configured, client):
    pump = Pump(simulated(speed=1), client, lambda: False)
    batches = pump._feed.batches()
    pump.step(next(batches))
    key = keys.feat("BTCUSDT")
    home = configured.owner(key)
    with configured.nodes[home].client() as old:
        old.flushall()
    configured.move(key, (home + 1) % NODES)
    for _ in range(40):
        pump.step(next(batches))
    assert pump.counters["commands_refused"] > 0
    with configured.nodes[(home + 1) % NODES].client() as new:
        assert new.hget(key, "completeness") is not None


async def test_web_client_reads_a_cluster(configured, client):
    client.hset(keys.pred("BTCUSDT"), "source", "redis")
    assert await web_redis().hgetall(keys.pred("BTCUSDT")) == {"source": "redis"}
    state = HotState(web_redis(), tick_ms=2_000)
    await state.ping()
    await state.beat({}, pid=1)
    processes, _ = await state.processes()
    assert processes["web"]["status"] == "healthy"
    assert set((await state.quotes(SYMBOLS))[1]) == set(SYMBOLS)
    await web_redis().aclose()


async def test_web_client_of_an_absent_cluster_fails_like_one_of_a_server(configured, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(redis.ConnectionError):
        await web_redis().hgetall(keys.pred("BTCUSDT"))


def test_recorder_of_an_absent_cluster_fails_with_what_is_waited_for(configured):
    assert django_settings.INFERENCE.redis.cluster_mode
    with pytest.raises(AWAY):
        connect("redis://127.0.0.1:1/0")


def test_heartbeat_command_finds_every_process_in_a_cluster(configured, client, monkeypatch):
    monkeypatch.setenv("REDIS_URL", configured.url)
    for process in ("market", "inference", "signals", "recorder", "web"):
        assert heartbeat.main([process]) == 1
        client.hset(keys.health(process), "status", "healthy")
        assert heartbeat.main([process]) == 0
