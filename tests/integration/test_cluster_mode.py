"""A loop, a feed and a recorder on a real Redis Cluster of three nodes."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import redis

from inference.config import ConfigError, RedisConfig, ServiceConfig
from inference.forecasts.entry import TickEntry
from inference.forecasts.loop import ForecastLoop
from inference.forecasts.schedule import Due
from inference.handover.chain import GENESIS, entry_hash
from inference.handover.cluster_link import ClusterLink
from inference.handover.fence import CHANNEL, LeaseLostError
from inference.handover.lease import TTL_MS
from inference.handover.link import LinkError, render
from market import keys
from market.redis_policy import (
    EvictionPolicyError,
    require_noeviction,
    require_noeviction_async,
)
from tests.hot_state import config, make_loop, write_features
from tests.integration.shadow_stage import CONFIG, leading, put_on_trial, shadowing
from tests.redis_cluster import NODES, Cluster, running_cluster
from tests.waiting import PATIENCE_SECONDS, eventually

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT")
LOG = keys.log("forecasts", cluster=True)
LEASE = keys.lease("forecasts", 0, cluster=True)


@pytest.fixture(scope="module")
def three_nodes() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(three_nodes: Cluster) -> Cluster:
    three_nodes.flush()
    return three_nodes


@pytest.fixture
def client(cluster: Cluster) -> Iterator[redis.RedisCluster]:
    with redis.RedisCluster.from_url(cluster.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def raw(cluster: Cluster) -> Iterator[redis.RedisCluster]:
    with redis.RedisCluster.from_url(cluster.url) as client:
        yield client


def clustered(**redis_keys: Any) -> ServiceConfig:
    base = config()
    sections = {name: getattr(base, name) for name in base.__struct_fields__}
    settings = RedisConfig(**({"cluster_mode": True, "socket_timeout_seconds": 1.0} | redis_keys))
    return ServiceConfig(**(sections | {"redis": settings}))


def cluster_loop(cluster: Cluster, node: int = 0, **changes: Any) -> ForecastLoop:
    arguments = {"config": clustered(), "symbols": SYMBOLS} | changes
    return make_loop(cluster.nodes[node].url, **arguments)


def new_link(url: str, timeout: float = 1.0) -> ClusterLink:
    return ClusterLink(url, timeout=timeout, connect_timeout=5.0)


async def run(loop: ForecastLoop, ticks: int | None) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await loop.run(ticks)


def logged(client: redis.RedisCluster) -> list[bytes]:
    stream: Any = client.xrange(LOG)
    return [fields[b"entry"] for _, fields in stream]


def write_all(client: Any) -> None:
    for symbol in SYMBOLS:
        write_features(client, symbol)


async def test_ticks_reach_log_chain_and_every_pred_across_slots(cluster, client, raw):
    write_all(client)
    assert {cluster.owner(keys.feat(symbol)) for symbol in SYMBOLS} == set(range(NODES))
    loop = cluster_loop(cluster)
    await run(loop, 4)
    packed = logged(raw)
    entries = [TickEntry.unpack(each) for each in packed]
    assert len(entries) == 4
    assert entries[0].prev == GENESIS
    for earlier, entry in zip(packed, entries[1:], strict=False):
        assert entry.prev == entry_hash(earlier)
    assert all(entry.sources == ["redis"] * len(SYMBOLS) for entry in entries)
    head = client.hgetall(keys.head("forecasts", "external", 0, cluster=True))
    newest = head.pop("id")
    assert head == {"hash": entry_hash(packed[-1]).hex(), "tick": str(entries[-1].tick)}
    assert raw.xrange(LOG, newest, newest) == raw.xrevrange(LOG, count=1)
    for index, symbol in enumerate(SYMBOLS):
        fields = client.hgetall(keys.pred(symbol))
        assert int(fields["prediction_ts"]) == entries[-1].tick_ms
        assert float(fields["predicted_price"]) == entries[-1].column("predicted_price")[index]
        assert 0 < client.ttl(keys.pred(symbol)) <= 60
    assert client.hget(keys.health("inference"), "status") == "healthy"


async def test_message_of_a_tick_reaches_subscribers_of_every_node(cluster, client):
    write_all(client)
    listening = [redis.Redis(port=node.port, socket_timeout=5).pubsub() for node in cluster.nodes]
    for each in listening:
        each.subscribe(CHANNEL)
        each.get_message(timeout=5)
    await run(cluster_loop(cluster), 1)
    for each in listening:
        message = each.get_message(timeout=5)
        assert message is not None and message["type"] == "message"
        each.close()


async def test_second_loop_takes_over_with_a_greater_token_and_no_tick_twice(cluster, client, raw):
    write_all(client)
    stop_first = asyncio.Event()
    first = cluster_loop(cluster, stopping=stop_first.is_set)
    second = cluster_loop(cluster, node=1)
    running = asyncio.create_task(run(first, None))
    await eventually(lambda: logged(raw))
    assert 0 < client.pttl(LEASE) <= TTL_MS
    standing_by = asyncio.create_task(run(second, 3))
    await eventually(lambda: client.exists(keys.health(f"inference-standby-{os.getpid()}")))
    assert second.status.status == "standby"
    stop_first.set()
    await running
    await standing_by
    entries = [TickEntry.unpack(each) for each in logged(raw)]
    ticks = [entry.tick for entry in entries]
    assert len(set(ticks)) == len(ticks)
    assert len({entry.token for entry in entries}) == 2
    assert [entry.token for entry in entries] == sorted(entry.token for entry in entries)
    chain = logged(raw)
    assert [e.prev for e in entries[1:]] == [entry_hash(each) for each in chain[:-1]]


async def test_paused_leader_that_wakes_up_writes_nothing(cluster, client, raw):
    write_all(client)
    paused, other = cluster_loop(cluster), cluster_loop(cluster, node=2)
    await paused.take_lead()
    held = paused.lead.held
    client.delete(LEASE)  # what its expiry does
    assert await other.lead.take() is not None
    due = Due(tick=10_000_000_000, tick_ms=10_000_000_000 * 200, lateness_ms=0.0, missed=0)
    with pytest.raises(LeaseLostError):
        await paused.ticker.run(due, held)
    assert logged(raw) == []
    assert not any(client.exists(keys.pred(symbol)) for symbol in SYMBOLS)
    for loop in (paused, other):
        loop._link.close()
        await loop._client.aclose()


async def test_loop_goes_on_while_slots_of_log_and_features_move(cluster, client, raw, monkeypatch):
    # Moving a slot holds up the test itself, which would renew the lease.
    monkeypatch.setattr("inference.handover.lease.TTL_MS", 60_000)
    write_all(client)
    loop = cluster_loop(cluster)
    await loop.take_lead()
    assert await loop.step()
    moved = [(LOG, cluster.owner(LOG)), (keys.feat("BTCUSDT"), cluster.owner("feat:BTCUSDT"))]
    for key, home in moved:
        cluster.move(key, (home + 1) % NODES)
    try:
        write_all(client)
        assert await loop.step()
        assert await loop.step()
        entries = [TickEntry.unpack(each) for each in logged(raw)]
        assert [entry.sources for entry in entries] == [["redis"] * len(SYMBOLS)] * 3
        assert LOG in cluster.keys((moved[0][1] + 1) % NODES)
    finally:
        loop._link.close()
        await loop._client.aclose()
        for key, home in moved:
            _move_back(cluster, key, home)


async def test_lock_step_ticks_are_named_and_answered_over_the_cluster(cluster, client, raw):
    write_features(client, "BTCUSDT")
    client.hset(
        keys.clock(),
        mapping={"venue": "external", "live": "0", "market_ms": "0", "wall_ms": "0", "speed": "0"},
    )
    client.rpush(keys.ticks_due(), 2_000_000)
    loop = cluster_loop(cluster, symbols=("BTCUSDT",))
    await run(loop, 1)
    assert [TickEntry.unpack(each).tick_ms for each in logged(raw)] == [2_000_000]
    assert client.lrange(keys.ticks_done(), 0, -1) == ["2000000"]


async def test_link_answers_in_order_with_errors_as_values(cluster, client):
    link = new_link(cluster.url)
    names = [f"k{index}" for index in range(50)]
    for name in names:
        client.set(name, f"of {name}")
    replies = await link.execute(render([("GET", name) for name in names]))
    assert replies == [f"of {name}".encode() for name in names]
    wrong, right = await link.execute(render([("HGET", "k1", "f"), ("GET", "k2")]))
    assert str(wrong).startswith("WRONGTYPE")
    assert right == b"of k2"
    link.close()


async def test_link_follows_a_key_that_is_being_moved(cluster, client):
    link = new_link(cluster.url)
    client.set("here", "1")
    home = cluster.owner("here")
    source, target = cluster.nodes[home], cluster.nodes[(home + 1) % NODES]
    with source.client() as old, target.client() as new:
        slot = old.execute_command("CLUSTER KEYSLOT", "here")
        ids = [each.execute_command("CLUSTER MYID") for each in (old, new)]
        new.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", ids[0])
        old.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", ids[1])
        try:
            old.execute_command("MIGRATE", "127.0.0.1", target.port, "here", 0, 5000)
            # The slot is still the old owner's: it answers ASK for what has gone already.
            assert await link.execute(render([("GET", "here"), ("GET", "there")])) == [b"1", None]
        finally:
            new.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[0])
            old.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[0])
    link.close()


async def test_link_that_times_out_never_takes_a_late_reply_for_another(cluster, client):
    link = new_link(cluster.url, timeout=0.5)
    client.set("k", "right")
    with pytest.raises(LinkError, match="no reply"):
        await link.execute(render([("BLPOP", "nothing", "1")]))
    assert await link.execute(render([("GET", "k")])) == [b"right"]
    link.close()


async def test_link_to_a_server_without_cluster_says_so(redis_url, clean_redis):
    server = redis.Redis.from_url(redis_url)
    link = new_link("redis://127.0.0.1:1/0")
    with pytest.raises(LinkError, match=r"127\.0\.0\.1:1: cannot connect"):
        await link.execute(render([("GET", "k")]))
    with pytest.raises(ConfigError, match="names a socket"):
        make_loop(redis_url, config=clustered())
    server.close()


async def test_eviction_policy_of_any_node_is_seen(cluster):
    with cluster.nodes[2].client() as node:
        node.config_set("maxmemory-policy", "allkeys-lru")
        try:
            with (
                redis.RedisCluster.from_url(cluster.url) as client,
                pytest.raises(EvictionPolicyError, match="allkeys-lru"),
            ):
                require_noeviction(client)
            async with redis.asyncio.RedisCluster.from_url(cluster.url) as waiting:
                with pytest.raises(EvictionPolicyError, match="allkeys-lru"):
                    await require_noeviction_async(waiting)
        finally:
            node.config_set("maxmemory-policy", "noeviction")


async def test_loop_stops_while_a_node_is_away_and_resumes_when_it_is_back(cluster, client, raw):
    write_all(client)
    loop = cluster_loop(cluster, config=clustered(socket_timeout_seconds=0.5, max_retries=0))
    await loop.take_lead()
    assert await loop.step()
    away = cluster.nodes[(cluster.owner(LOG) + 1) % NODES]
    away.process.send_signal(signal.SIGSTOP)
    try:
        ran = False
        until = time.monotonic() + 1.5
        while time.monotonic() < until and not ran:
            ran = await loop.step()
        assert not ran
        assert not loop.status.redis_connected
    finally:
        away.process.send_signal(signal.SIGCONT)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await loop.step():
            await asyncio.sleep(0.02)
            if loop.lead.held is None:
                await loop.lead.take()
    assert loop.status.redis_connected
    loop._link.close()
    await loop._client.aclose()


def _move_back(cluster: Cluster, key: str, home: int) -> None:
    away = (home + 1) % NODES
    source, target = cluster.nodes[away], cluster.nodes[home]
    with source.client() as old, target.client() as new:
        slot = old.execute_command("CLUSTER KEYSLOT", key)
        old.flushall()
        new_id = new.execute_command("CLUSTER MYID")
        for each in (new, old):
            each.execute_command("CLUSTER SETSLOT", slot, "NODE", new_id)


async def test_version_on_trial_speaks_beside_the_leader_in_a_cluster(
    cluster, client, raw, tmp_path
):
    put_on_trial(tmp_path, "v2")
    shadow_config = msgspec.structs.replace(CONFIG, redis=clustered().redis)
    node = cluster.nodes[1].url
    async with (
        leading(cluster.nodes[0].url, client, config=shadow_config) as leader,
        shadowing(node, tmp_path, config=shadow_config) as shadow,
    ):
        await shadow.speaking("v2")
        for count in (1, 2, 3):
            await leader.tick()
            await eventually(lambda count=count: len(logged(raw)) == 2 * count)
        await eventually(lambda: client.hget(keys.health("shadow"), "status") == "healthy")
    entries = [TickEntry.unpack(each) for each in logged(raw)]
    assert {entry.role for entry in entries} == {"champion", "shadow"}
