"""Two signal loops, a lost Redis, a cluster: one speaks, and nothing is said twice."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from inference.config import RedisConfig
from inference.handover.fence import LeaseLostError
from inference.handover.lease import TTL_MS
from inference.signals.entry import BatchEntry
from inference.vocabulary import SIGNALS
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from market.redis_cluster import connect
from predictions.watching.process_troubles import TROUBLES
from tests.integration.watched_signals import (
    CLOSE_MS,
    OPEN_MS,
    beat,
    caught_up,
    entries,
    made,
    running,
    state,
)
from tests.redis_cluster import NODES, Cluster, running_cluster
from tests.signal_loops import M15, SYMBOLS, FakePredictor, announce, make_signal_loop, set_clock
from tests.waiting import eventually


async def test_second_loop_waits_and_takes_over_without_saying_anything_again(
    redis_url, binary, predictor
):
    set_clock(binary, CLOSE_MS - 60_000)
    first = make_signal_loop(redis_url, predictor)
    async with running(first):
        await caught_up(binary)
        second = make_signal_loop(redis_url, predictor)
        async with running(second):
            await eventually(lambda: binary.keys(keys.health("signals-standby-*")))
            await eventually(lambda: second.status.status == "standby")
            first._stopping = lambda: True
            await eventually(lambda: second.status.leading)
            predictor.store(M15, OPEN_MS)
            set_clock(binary, CLOSE_MS + 400)
            announce(binary, OPEN_MS)
            await eventually(lambda: made(binary, OPEN_MS) == list(SYMBOLS))
    assert len(entries(binary)) == len(SIGNAL_TIMEFRAMES) + 1
    tokens = [entry.token for entry in entries(binary)]
    assert tokens == sorted(tokens) and len(set(tokens)) == 2


async def test_restart_with_one_coin_lacking_is_well_as_the_others_signals_stand(
    redis_url, binary, predictor
):
    set_clock(binary, CLOSE_MS - 60_000)
    predictor.refused = {"ETHUSDT"}
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
    async with running(make_signal_loop(redis_url, predictor)) as second:
        await eventually(lambda: len(second.status.timeframes) == len(SIGNAL_TIMEFRAMES))
        set_clock(binary, CLOSE_MS - 25_000)  # what has not come by now is late
        await eventually(lambda: second.status.errors == len(SIGNAL_TIMEFRAMES))
        assert second.status.signals == 0
        for each in second.status.timeframes.values():
            assert (each.signals, each.errors, each.waiting) == (len(SYMBOLS) - 1, 1, 0)
        assert second.status.status == "healthy"
        await eventually(lambda: beat(binary).get("errors") == len(SIGNAL_TIMEFRAMES))
        assert list(TROUBLES["signals"](beat(binary))) == []


async def test_paused_leader_wakes_up_and_writes_nothing(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    paused = make_signal_loop(redis_url, predictor)
    await paused.step()
    while not paused.status.timeframes:
        await paused.step()
    count = len(entries(binary))
    binary.delete(keys.lease(SIGNALS, 0))  # as its life of 3 s ends
    assert TTL_MS == 3_000
    other = make_signal_loop(redis_url, predictor)
    async with running(other):
        await eventually(lambda: other.status.leading and other.status.timeframes)
        written = len(entries(binary))
        predictor.store(M15, OPEN_MS)
        set_clock(binary, CLOSE_MS + 400)
        announce(binary, OPEN_MS)
        await eventually(lambda: len(entries(binary)) == written + 1)
        predictor.closes = dict.fromkeys(SYMBOLS, 101.0)
        announce(binary, OPEN_MS)
        with pytest.raises(LeaseLostError):
            for _ in range(20):
                await paused.step()
    assert {entry.token for entry in entries(binary)[:count]} == {paused.lead.held.token}
    assert paused.lead.held.token not in {entry.token for entry in entries(binary)[written:]}
    await paused._client.aclose()


async def test_redis_away_stops_and_says_so_and_catches_up_after(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await caught_up(binary)
        predictor.store(M15, OPEN_MS)
        binary.client_pause(2_500)
        await eventually(lambda: not loop.status.redis_connected)
        assert loop.status.status == "unhealthy"
        await asyncio.to_thread(set_clock, binary, CLOSE_MS + 400)
        await eventually(lambda: made(binary, OPEN_MS) == list(SYMBOLS))
        await eventually(lambda: loop.status.status == "healthy")


async def test_redis_that_lost_everything_is_spoken_to_anew(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await caught_up(binary)
        last = entries(binary)[-1].batch
        binary.flushall()
        set_clock(binary, CLOSE_MS - 50_000)
        await eventually(lambda: len(entries(binary)) == len(SIGNAL_TIMEFRAMES))
        again = entries(binary)
        assert again[0].prev == bytes(32)
        assert again[0].batch > last
        assert {said.revision for entry in again for said in entry.signals} == {0}
        assert loop.status.status == "healthy"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


async def test_cluster_signals_lie_in_all_nodes_and_lease_head_and_log_in_one(
    cluster: Cluster, predictor: FakePredictor
):
    cluster.flush()
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT")
    for timeframe in SIGNAL_TIMEFRAMES:
        predictor.store(timeframe, OPEN_MS - timeframe.ms, *symbols)
    config = RedisConfig(cluster_mode=True, socket_timeout_seconds=1.0)
    client: Any = connect(cluster.url, cluster=True, socket_timeout=5)
    set_clock(client, CLOSE_MS - 60_000)
    log_key = keys.log(SIGNALS, cluster=True)
    loop = make_signal_loop(cluster.url, predictor, redis_config=config, symbols=symbols)
    async with running(loop):
        await eventually(lambda: client.xlen(log_key) == len(SIGNAL_TIMEFRAMES))
        await eventually(lambda: state(client, "DOGEUSDT", SIGNAL_TIMEFRAMES[-1]))
        await eventually(lambda: beat(client).get("batches") == len(SIGNAL_TIMEFRAMES))
    found: Any = client.xrange(log_key)
    written = [BatchEntry.unpack(fields[b"entry"]) for _, fields in found]
    assert [len(entry.signals) for entry in written] == [len(symbols)] * 4
    places = {
        cluster.owner(keys.sig(symbol, timeframe))
        for symbol in symbols
        for timeframe in SIGNAL_TIMEFRAMES
    }
    assert places == set(range(NODES))
    assert client.pttl(keys.sig("BTCUSDT", M15)) > 0
    client.close()
