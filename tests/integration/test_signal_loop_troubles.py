"""The signal loop where a model, a candle, a clock or a key is missing or broken."""

from pathlib import Path

import pytest

from inference.artefacts.errors import Refusal, RefusedArtefact
from inference.vocabulary import SIGNALS, SignalReason
from market import keys
from market.candles.announcing import StoredCandle
from market.candles.announcing import announce as announce_stored
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from tests.integration.watched_signals import (
    CLOSE_MS,
    OPEN_MS,
    beat,
    caught_up,
    entries,
    made,
    running,
    state,
    told,
    value,
)
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
