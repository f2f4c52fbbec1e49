"""The signal loop over a real Redis: when it speaks, of what, and who may."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest
import redis

from inference.artefacts.errors import Refusal, RefusedArtefact
from inference.handover.chain import entry_hash
from inference.handover.fence import CHANNEL
from inference.signals.entry import BatchEntry
from inference.signals.loop import SignalLoop
from inference.signals.signal import SignalState, decode_state
from inference.vocabulary import SIGNALS, SignalReason
from market import keys
from market.candles.announcing import StoredCandle
from market.candles.announcing import announce as announce_stored
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from tests.signal_loops import (
    DAY_MS,
    M15,
    SYMBOLS,
    VENUE,
    FakePredictor,
    announce,
    make_signal_loop,
    set_clock,
)
from tests.waiting import eventually

OPEN_MS, CLOSE_MS = DAY_MS, DAY_MS + M15.ms
"""Of a 15-minute candle; no other timeframe closes with it."""


@pytest.fixture
def predictor() -> FakePredictor:
    """A store in which every timeframe has the candle that closed at DAY_MS."""
    found = FakePredictor()
    for timeframe in SIGNAL_TIMEFRAMES:
        found.store(timeframe, DAY_MS - timeframe.ms)
    return found


@pytest.fixture
def binary(clean_redis: redis.Redis, redis_url: str) -> Any:
    with redis.Redis.from_url(redis_url, socket_timeout=5) as client:
        yield client


@asynccontextmanager
async def running(loop: SignalLoop) -> AsyncIterator[SignalLoop]:
    stopped = asyncio.Event()
    loop._stopping = stopped.is_set
    task = asyncio.create_task(loop.run())
    try:
        yield loop
    finally:
        stopped.set()
        await asyncio.wait_for(task, 10)


def entries(client: redis.Redis) -> list[BatchEntry]:
    found: Any = client.xrange(keys.log(SIGNALS))
    return [BatchEntry.unpack(fields[b"entry"]) for _, fields in found]


def state(client: redis.Redis, symbol: str, timeframe: Timeframe = M15) -> SignalState | None:
    text: Any = client.get(keys.sig(symbol, timeframe))
    return None if text is None else decode_state(text)


def made(client: redis.Redis, open_ms: int, timeframe: Timeframe = M15) -> list[str]:
    """Return the coins of which a signal of that candle stands in the log, in its order."""
    return [
        said.signal.symbol
        for entry in entries(client)
        for said in entry.signals
        if entry.timeframe is timeframe and said.signal.candle_open_ms == open_ms
    ]


def told(client: redis.Redis, code: SignalReason, timeframe: Timeframe = M15) -> list[str]:
    return [
        gap.symbol
        for entry in entries(client)
        for gap in entry.gaps
        if entry.timeframe is timeframe and gap.code is code
    ]


async def caught_up(client: redis.Redis, batches: int = len(SIGNAL_TIMEFRAMES)) -> None:
    await eventually(lambda: len(entries(client)) >= batches)


async def test_close_all_candles_there_one_batch_within_a_second(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await caught_up(binary)
        predictor.store(M15, OPEN_MS)
        set_clock(binary, CLOSE_MS + 400)
        arrived = time.monotonic()
        announce(binary, OPEN_MS)
        await eventually(lambda: made(binary, OPEN_MS))
        assert time.monotonic() - arrived < 1.0
        assert made(binary, OPEN_MS) == list(SYMBOLS)
        entry = entries(binary)[-1]
        assert (entry.venue, entry.live, entry.timeframe) == (VENUE, False, M15)
        found = state(binary, "BTCUSDT")
        assert found == SignalState(signal=entry.signals[0].signal)
        assert M15.ms < binary.pttl(keys.sig("BTCUSDT", M15)) <= M15.ms + 60_000
        await eventually(lambda: value(loop, "signals_latency_seconds_count") == len(SYMBOLS))
        assert value(loop, "signals_latency_seconds_sum") < len(SYMBOLS)


async def test_close_straggler_gets_a_batch_of_its_own(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
        predictor.store(M15, OPEN_MS, "BTCUSDT", "SOLUSDT")
        set_clock(binary, CLOSE_MS + 400)
        announce(binary, OPEN_MS, "BTCUSDT", "SOLUSDT")
        await eventually(lambda: made(binary, OPEN_MS) == ["BTCUSDT", "SOLUSDT"])
        predictor.store(M15, OPEN_MS, "ETHUSDT")
        announce(binary, OPEN_MS, "ETHUSDT")
        await eventually(lambda: made(binary, OPEN_MS) == ["BTCUSDT", "SOLUSDT", "ETHUSDT"])
        assert len(entries(binary)) == len(SIGNAL_TIMEFRAMES) + 2


async def test_close_candle_of_another_venue_is_none_of_ours(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
        predictor.store(M15, OPEN_MS)
        calls = len(predictor.calls)
        set_clock(binary, CLOSE_MS + 400)
        announce(binary, OPEN_MS, venue="simulated/2")
        announce(binary, OPEN_MS, "BTCUSDT")
        await eventually(lambda: made(binary, OPEN_MS))
        assert predictor.calls[calls][1] == ("BTCUSDT",)


async def test_late_candle_is_told_beside_the_older_signal_and_made_when_it_comes(
    redis_url, binary, predictor
):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await caught_up(binary)
        predictor.store(M15, OPEN_MS, "BTCUSDT", "SOLUSDT")
        set_clock(binary, CLOSE_MS + 400)
        announce(binary, OPEN_MS, "BTCUSDT", "SOLUSDT")
        await eventually(lambda: len(made(binary, OPEN_MS)) == 2)
        assert told(binary, SignalReason.CANDLE_LATE) == []
        set_clock(binary, CLOSE_MS + 31_000)
        await eventually(lambda: told(binary, SignalReason.CANDLE_LATE) == ["ETHUSDT"])
        late = state(binary, "ETHUSDT")
        assert late is not None and late.error is not None and late.signal is not None
        assert late.error.code is SignalReason.CANDLE_LATE
        assert late.signal.candle_open_ms == OPEN_MS - M15.ms
        await eventually(lambda: value(loop, "signals_candles_late_total", timeframe="15m") == 1)
        predictor.store(M15, OPEN_MS, "ETHUSDT")
        announce(binary, OPEN_MS, "ETHUSDT")
        await eventually(lambda: "ETHUSDT" in made(binary, OPEN_MS))
        assert state(binary, "ETHUSDT").error is None
        set_clock(binary, CLOSE_MS + 90_000)
        await eventually(lambda: loop.status.status == "healthy")
        assert told(binary, SignalReason.CANDLE_LATE) == ["ETHUSDT"]


async def test_model_missing_for_one_coin_is_told_and_the_rest_goes_on(
    redis_url, binary, predictor
):
    predictor.refused = {"ETHUSDT"}
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
        predictor.store(M15, OPEN_MS)
        set_clock(binary, CLOSE_MS + 400)
        announce(binary, OPEN_MS)
        await eventually(lambda: made(binary, OPEN_MS) == ["BTCUSDT", "SOLUSDT"])
        assert told(binary, SignalReason.MODEL_MISSING) == ["ETHUSDT"]
        found = state(binary, "ETHUSDT")
        assert found.signal is None and found.error.code is SignalReason.MODEL_MISSING


async def test_service_that_breaks_is_told_as_model_error_and_asked_again(
    redis_url, binary, predictor
):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
        predictor.store(M15, OPEN_MS)
        predictor.failing = True
        set_clock(binary, CLOSE_MS + 400)
        announce(binary, OPEN_MS)
        await eventually(lambda: told(binary, SignalReason.MODEL_ERROR) == list(SYMBOLS))
        predictor.failing = False
        predictor.store(M15, OPEN_MS + M15.ms)
        set_clock(binary, CLOSE_MS + M15.ms + 400)
        announce(binary, OPEN_MS + M15.ms)
        await eventually(lambda: made(binary, OPEN_MS + M15.ms) == list(SYMBOLS))


async def test_start_makes_the_newest_candle_and_none_twice(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
    announce(binary, OPEN_MS - M15.ms)
    loop = make_signal_loop(redis_url, predictor)
    async with running(loop):
        await eventually(lambda: loop.status.timeframes)
        announce(binary, OPEN_MS - M15.ms)
        calls = len(predictor.calls)
        await eventually(lambda: len(predictor.calls) > calls)
    assert len(entries(binary)) == len(SIGNAL_TIMEFRAMES)
    assert made(binary, OPEN_MS - M15.ms) == list(SYMBOLS)


async def test_start_after_a_sleep_makes_the_newest_alone_and_counts_the_missed(
    redis_url, binary, predictor
):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
    set_clock(binary, CLOSE_MS + 2 * M15.ms + 60_000)
    newest = OPEN_MS + 2 * M15.ms
    predictor.store(M15, newest)
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await eventually(lambda: made(binary, newest) == list(SYMBOLS))
        assert {
            s.signal.candle_open_ms
            for e in entries(binary)[4:]
            for s in e.signals
            if e.timeframe is M15
        } == {newest}
        # Two candles lie between the last signal and this one.
        assert entries(binary)[-1].missed == 2 * len(SYMBOLS)
        assert value(loop, "signals_candles_missed_total", timeframe="15m") == 2 * len(SYMBOLS)


async def test_candles_absent_are_told_only_when_they_are_late(redis_url, binary):
    predictor = FakePredictor()
    set_clock(binary, DAY_MS + 60_000)
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await eventually(lambda: len(predictor.calls) == len(SIGNAL_TIMEFRAMES))
        assert entries(binary) == []
        set_clock(binary, DAY_MS + 91_000)
        await caught_up(binary)
        assert told(binary, SignalReason.CANDLES_MISSING) == list(SYMBOLS)
        await eventually(lambda: loop.status.status == "degraded")


async def test_no_market_nobody_is_told_that_it_has_no_candles(redis_url, binary):
    predictor = FakePredictor()
    loop = make_signal_loop(redis_url, predictor)
    async with running(loop):
        await eventually(lambda: len(predictor.calls) >= len(SIGNAL_TIMEFRAMES))
        assert predictor.calls[0][2].venue == "external"
        for round_ in loop._followed.rounds.values():
            round_._since_ms = 0.0  # as if half a minute had passed
        await eventually(lambda: len(predictor.calls) >= 2 * len(SIGNAL_TIMEFRAMES))
        assert entries(binary) == []


async def test_restated_candle_supersedes_and_an_unchanged_one_does_not(
    redis_url, binary, predictor
):
    predictor.provisional = {"BTCUSDT"}
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await caught_up(binary)
        last = OPEN_MS - M15.ms
        predictor.provisional = set()
        announce(binary, last)
        await eventually(lambda: made(binary, last) == [*SYMBOLS, "BTCUSDT"])
        again = entries(binary)[-1].signals[0]
        assert (again.revision, again.signal.provisional) == (1, False)
        assert state(binary, "BTCUSDT").revision == 1
        predictor.closes["BTCUSDT"] = 101.0
        announce(binary, last, "BTCUSDT")
        await eventually(lambda: len(made(binary, last)) == 5)
        assert entries(binary)[-1].signals[0].revision == 2
        assert value(loop, "signals_superseding_total", timeframe="15m") == 2


async def test_chain_every_entry_holds_the_hash_of_the_one_before(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
    found: Any = binary.xrange(keys.log(SIGNALS))
    packed = [fields[b"entry"] for _, fields in found]
    unpacked = [BatchEntry.unpack(each) for each in packed]
    assert unpacked[0].prev == bytes(32)
    assert [entry_hash(each) for each in packed[:-1]] == [each.prev for each in unpacked[1:]]
    head = binary.hget(keys.head(SIGNALS, VENUE, 0), "hash")
    assert head == entry_hash(packed[-1]).hex().encode()
    numbers = [each.batch for each in unpacked]
    assert numbers == sorted(set(numbers))


async def test_published_message_has_a_frame_for_each_symbol(redis_url, binary, predictor):
    predictor.refused = {"ETHUSDT"}
    set_clock(binary, CLOSE_MS - 60_000)
    subscription = binary.pubsub(ignore_subscribe_messages=True)
    subscription.subscribe(CHANNEL)
    subscription.get_message(timeout=1)
    async with running(make_signal_loop(redis_url, predictor, symbols=SYMBOLS[:2])):
        # The error is told when the candle is late, the signal at once.
        await caught_up(binary)
        set_clock(binary, CLOSE_MS - 20_000)
        await caught_up(binary, 2 * len(SIGNAL_TIMEFRAMES))
    messages = []
    while (found := subscription.get_message(timeout=0.2)) is not None:
        messages.append(msgpack.unpackb(found["data"]))
    subscription.close()
    first, last = messages[0], messages[-1]
    assert (first["type"], first["venue"], first["live"]) == ("signals", VENUE, False)
    assert first["seq"] == entries(binary)[0].batch
    frame = json.loads(first["frames"]["BTCUSDT"])
    assert frame == json.loads(json.dumps(entries(binary)[0].signals[0].signal.frame(first["seq"])))
    assert json.loads(last["errors"]["ETHUSDT"])["code"] == "model_missing"


async def test_venue_change_drops_what_the_last_market_left(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await caught_up(binary)
        predictor.newest.clear()
        predictor.store(M15, DAY_MS + 7 * M15.ms, "BTCUSDT")
        set_clock(binary, DAY_MS + 8 * M15.ms + 500, venue="replay/2")
        await eventually(lambda: entries(binary)[-1].venue == "replay/2")
        assert made(binary, DAY_MS + 7 * M15.ms) == ["BTCUSDT"]
        assert entries(binary)[-1].missed == 0
        assert entries(binary)[-1].prev == bytes(32)
        assert binary.exists(keys.sig("ETHUSDT", M15)) == 0
        assert loop.status.venue == "replay/2"


async def test_lock_step_candles_tell_the_time(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000, speed=0)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
        predictor.store(M15, OPEN_MS)
        announce(binary, OPEN_MS)
        await eventually(lambda: made(binary, OPEN_MS) == list(SYMBOLS))
        assert entries(binary)[-1].made_ms == CLOSE_MS
        assert binary.exists(keys.ticks_due(), keys.ticks_done()) == 0


async def test_sped_up_market_signals_stand_as_long_as_it_takes(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 1_000, speed=100)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
        predictor.store(M15, OPEN_MS)
        announce(binary, OPEN_MS)
        await eventually(lambda: made(binary, OPEN_MS) == list(SYMBOLS))
        assert 1_000 <= binary.pttl(keys.sig("BTCUSDT", M15)) <= (M15.ms + 60_000) / 100


async def test_promoted_models_are_looked_for_between_batches(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    loop = make_signal_loop(redis_url, predictor)
    async with running(loop):
        await eventually(lambda: predictor.refreshed)


@pytest.mark.parametrize("garbage", ["text", "{}", '{"signal": 1}'])
async def test_garbage_in_the_place_of_a_signal_is_replaced(redis_url, binary, predictor, garbage):
    binary.set(keys.sig("BTCUSDT", M15), garbage)
    binary.hset(keys.sig("ETHUSDT", M15), "a", "b")
    binary.xadd(keys.candles_closed(), {"venue": VENUE})
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
        binary.xadd(keys.candles_closed(), {"venue": VENUE, "timeframe": "7m"})
        predictor.store(M15, OPEN_MS)
        set_clock(binary, CLOSE_MS + 400)
        announce(binary, OPEN_MS)
        await eventually(lambda: made(binary, OPEN_MS) == list(SYMBOLS))
        assert state(binary, "BTCUSDT").signal is not None
        assert state(binary, "ETHUSDT").signal is not None


async def test_clock_that_makes_no_sense_stops_signals_until_it_is_mended(
    redis_url, binary, predictor
):
    binary.hset(keys.clock(), mapping={"venue": VENUE, "live": "1"})
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await eventually(lambda: loop.status.problem)
        assert loop.status.status == "unhealthy"
        assert predictor.calls == []
        set_clock(binary, CLOSE_MS - 60_000)
        await caught_up(binary)
        await eventually(lambda: loop.status.status == "healthy")


@pytest.mark.parametrize("venue", [VENUE, "simulated"])
async def test_candle_stream_of_another_type_is_named_and_signals_go_on_by_the_clock(
    redis_url, binary, predictor, venue
):
    binary.set(keys.candles_closed(), "text")
    set_clock(binary, CLOSE_MS - 60_000, venue=venue)
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await caught_up(binary)
        await eventually(lambda: keys.candles_closed() in beat(binary).get("unheard", ""))
        assert (loop.status.status, loop.status.redis_connected) == ("degraded", True)
        set_clock(binary, CLOSE_MS + 400, venue=venue)
        predictor.store(M15, OPEN_MS)
        await eventually(lambda: made(binary, OPEN_MS) == list(SYMBOLS))
        stored = StoredCandle(venue, "BTCUSDT", M15, OPEN_MS, provisional=False)
        assert announce_stored(binary, [stored]) == 1
        await eventually(lambda: loop.status.status == "healthy")
        predictor.store(M15, OPEN_MS + M15.ms)
        set_clock(binary, CLOSE_MS + M15.ms + 400, venue=venue)
        announce(binary, OPEN_MS + M15.ms, venue=venue)
        await eventually(lambda: made(binary, OPEN_MS + M15.ms) == list(SYMBOLS))


@pytest.mark.parametrize("key", [keys.lease(SIGNALS, 0), keys.log(SIGNALS)])
async def test_key_of_another_type_is_named_and_redis_not_called_gone(
    redis_url, binary, predictor, key
):
    binary.lpush(key, "text")
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await eventually(lambda: f"{key} holds a list" in loop.status.problem)
        assert (loop.status.status, loop.status.redis_connected) == ("unhealthy", True)
        binary.delete(key)
        await caught_up(binary)
        await eventually(lambda: loop.status.status == "healthy")


async def test_chain_head_of_another_type_is_replaced(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    head = keys.head(SIGNALS, VENUE, 0)
    binary.set(head, "text")
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
        binary.set(head, "text")
        predictor.store(M15, OPEN_MS)
        set_clock(binary, CLOSE_MS + 400)
        announce(binary, OPEN_MS)
        await eventually(lambda: made(binary, OPEN_MS) == list(SYMBOLS))
        assert binary.hget(head, "hash") is not None


async def test_market_clock_of_another_type_is_named(redis_url, binary, predictor):
    binary.set(keys.clock(), "text")
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await eventually(lambda: keys.clock() in loop.status.problem)
        assert loop.status.redis_connected


async def test_refused_artefact_shows_in_heartbeat_and_metrics_until_it_is_mended(
    redis_url, binary, predictor
):
    refused = [RefusedArtefact(Path("/m/BTCUSDT/1h/manifest.json"), Refusal.MANIFEST, "is none")]
    set_clock(binary, CLOSE_MS - 60_000)
    loop = make_signal_loop(redis_url, predictor, refused=lambda: tuple(refused))
    async with running(loop):
        await caught_up(binary)
        await eventually(lambda: beat(binary).get("status") == "degraded")
        assert beat(binary)["refused"] == [
            {
                "path": "/m/BTCUSDT/1h/manifest.json",
                "code": "manifest_invalid",
                "message": "is none",
            }
        ]
        assert value(loop, "signals_artefacts_refused") == 1
        refused.clear()
        await eventually(lambda: beat(binary).get("status") == "healthy")
        assert value(loop, "signals_artefacts_refused") == 0


async def test_heartbeat_tells_what_was_made(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
        await eventually(lambda: beat(binary).get("signals") == len(SYMBOLS) * 4)
        detail = beat(binary)
        assert (detail["status"], detail["venue"], detail["live"]) == ("healthy", VENUE, False)
        assert detail["timeframes"]["15m"]["candle_open"] == "2025-12-31T23:45:00+00:00"
        assert 0 < binary.ttl(keys.health("signals")) <= keys.HEALTH_TTL_SECONDS


def beat(client: redis.Redis) -> dict[str, Any]:
    text: Any = client.hget(keys.health("signals"), "detail")
    return json.loads(text) if text else {}


def value(loop: SignalLoop, name: str, **labels: str) -> float | None:
    return loop._metrics.registry.get_sample_value(name, labels)
