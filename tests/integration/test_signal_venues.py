"""Markets that take turns within one candle: each is told once; the ledger holds what is shown."""

import json
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
import redis
from asgiref.sync import sync_to_async

from inference.config import RedisConfig
from inference.handover.fence import CHANNEL
from inference.vocabulary import SIGNALS
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from market.redis_cluster import connect
from predictions.models import Signal
from predictions.recording.log_reader import LogReader
from predictions.recording.signal_recorder import SignalRecorder
from tests.integration.watched_signals import (
    CLOSE_MS,
    OPEN_MS,
    caught_up,
    entries,
    made,
    running,
    state,
)
from tests.redis_cluster import running_cluster
from tests.signal_loops import M15, SYMBOLS, VENUE, announce, make_signal_loop, set_clock
from tests.waiting import eventually

OTHER = "replay/spot/2"
ALL = len(SIGNAL_TIMEFRAMES)


def venues(client: redis.Redis) -> list[str]:
    """Return whose signals stand in `sig:`, by timeframe and symbol."""
    found = [state(client, symbol, each) for each in SIGNAL_TIMEFRAMES for symbol in SYMBOLS]
    return [each.signal.venue for each in found if each is not None and each.signal is not None]


@pytest.fixture
def listening(binary: redis.Redis) -> Iterator[Any]:
    subscription = binary.pubsub(ignore_subscribe_messages=True)
    subscription.subscribe(CHANNEL)
    subscription.get_message(timeout=1)
    yield subscription
    subscription.close()


async def test_market_that_comes_back_within_a_candle_is_told_nothing_anew(
    redis_url, binary, predictor, listening
):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await caught_up(binary)
        said = {symbol: state(binary, symbol).signal for symbol in SYMBOLS}
        set_clock(binary, CLOSE_MS - 50_000, venue=OTHER)
        await caught_up(binary, 2 * ALL)
        assert set(venues(binary)) == {OTHER}
        messages(listening)
        set_clock(binary, CLOSE_MS - 40_000)
        await eventually(lambda: venues(binary) == [VENUE] * ALL * len(SYMBOLS))
        await eventually(lambda: loop.status.venue == VENUE and len(loop.status.timeframes) == ALL)

        assert len(entries(binary)) == 2 * ALL
        assert {symbol: state(binary, symbol).signal for symbol in SYMBOLS} == said
        assert 0 < binary.pttl(keys.sig("BTCUSDT", M15)) <= M15.ms + 100_000
        again = messages(listening)
        assert [message["timeframe"] for message in again] == [*SIGNAL_TIMEFRAMES]
        assert json.loads(again[0]["frames"]["BTCUSDT"])["made_ts"] == said["BTCUSDT"].made_ms

        predictor.store(M15, OPEN_MS)
        set_clock(binary, CLOSE_MS + 400)
        announce(binary, OPEN_MS)
        await eventually(lambda: made(binary, OPEN_MS) == list(SYMBOLS))
        assert entries(binary)[-1].missed == 0


@pytest.mark.django_db(transaction=True)
async def test_ledger_after_a_switch_there_and_back_holds_what_is_shown(
    redis_url, binary, predictor
):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
        set_clock(binary, CLOSE_MS - 50_000, venue=OTHER)
        await caught_up(binary, 2 * ALL)
        set_clock(binary, CLOSE_MS - 40_000)
        await eventually(lambda: venues(binary) == [VENUE] * ALL * len(SYMBOLS))
    shown = [state(binary, symbol, each).signal for each in SIGNAL_TIMEFRAMES for symbol in SYMBOLS]

    recorder = SignalRecorder(LogReader(binary, SIGNALS, "one"))
    rows = await stored(recorder)

    assert recorder.tally.contradicted == 0
    assert len(rows) == 2 * ALL * len(SYMBOLS)
    for signal in shown:
        assert (VENUE, signal.symbol, signal.timeframe, signal.made_ms) in rows


async def test_new_leader_knows_what_was_said_though_sig_is_gone(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
    for symbol in SYMBOLS:
        binary.delete(keys.sig(symbol, M15))
    async with running(make_signal_loop(redis_url, predictor)):
        await eventually(lambda: venues(binary) == [VENUE] * ALL * len(SYMBOLS))
    assert len(entries(binary)) == ALL


async def test_signals_whose_time_is_over_are_not_put_back(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await caught_up(binary)
        set_clock(binary, CLOSE_MS - 50_000, venue=OTHER)
        await caught_up(binary, 2 * ALL)
        set_clock(binary, CLOSE_MS + M15.ms + 50_000)
        await eventually(lambda: loop.status.venue == VENUE)
        await eventually(
            lambda: state(binary, "BTCUSDT", SIGNAL_TIMEFRAMES[1]).signal.venue == VENUE
        )
        assert state(binary, "BTCUSDT", M15) is None
    assert len(entries(binary)) == 2 * ALL


async def test_memory_of_another_type_or_garbage_is_replaced(redis_url, binary, predictor):
    memory = keys.stands(SIGNALS, VENUE)
    binary.set(memory, "text")
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
        assert binary.hlen(memory) == ALL * len(SYMBOLS)
        assert 0 < binary.pttl(memory) <= keys.STANDS_MS
    binary.hset(memory, "BTCUSDT:15m", "garbage")
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await eventually(lambda: len(loop.status.timeframes) == ALL)
        assert made(binary, OPEN_MS - M15.ms) == list(SYMBOLS)


async def test_cluster_memory_lies_beside_the_log_and_puts_back(predictor):
    with running_cluster() as cluster:
        client: Any = connect(cluster.url, cluster=True, socket_timeout=5)
        config = RedisConfig(cluster_mode=True, socket_timeout_seconds=1.0)
        log_key = keys.log(SIGNALS, cluster=True)
        set_clock(client, CLOSE_MS - 60_000)
        async with running(make_signal_loop(cluster.url, predictor, redis_config=config)):
            await eventually(lambda: client.xlen(log_key) == ALL)
            set_clock(client, CLOSE_MS - 50_000, venue=OTHER)
            await eventually(lambda: client.xlen(log_key) == 2 * ALL)
            set_clock(client, CLOSE_MS - 40_000)
            await eventually(lambda: venues(client) == [VENUE] * ALL * len(SYMBOLS))
        memory = keys.stands(SIGNALS, VENUE, cluster=True)
        assert client.xlen(log_key) == 2 * ALL
        assert client.hlen(memory) == ALL * len(SYMBOLS)
        assert cluster.owner(memory) == cluster.owner(log_key)
        client.close()


def messages(subscription: Any) -> list[dict[str, Any]]:
    found = []
    while (message := subscription.get_message(timeout=0.2)) is not None:
        found.append(msgpack.unpackb(message["data"]))
    return found


@sync_to_async
def stored(recorder: SignalRecorder) -> set[tuple[Any, ...]]:
    while recorder.step():
        pass
    return set(Signal.objects.values_list("venue", "symbol", "timeframe", "made_ts"))
