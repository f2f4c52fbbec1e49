"""The signal loop over a real Redis: when it speaks, of what, and who may."""

import json
from typing import Any

import msgpack

from inference.handover.chain import entry_hash
from inference.handover.fence import CHANNEL
from inference.signals.entry import BatchEntry
from inference.signals.signal import SignalState
from inference.vocabulary import SIGNALS, SignalReason
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from market.listings import SymbolStatus
from tests.hot_state import write_feed_down, write_listings
from tests.integration.watched_signals import (
    CLOSE_MS,
    OPEN_MS,
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
    announce,
    make_signal,
    make_signal_loop,
    set_clock,
)
from tests.waiting import eventually


async def test_close_all_candles_there_one_batch(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await caught_up(binary)
        predictor.store(M15, OPEN_MS)
        set_clock(binary, CLOSE_MS + 400)
        announce(binary, OPEN_MS)
        await eventually(lambda: made(binary, OPEN_MS))
        assert made(binary, OPEN_MS) == list(SYMBOLS)
        assert len(entries(binary)) == len(SIGNAL_TIMEFRAMES) + 1
        entry = entries(binary)[-1]
        assert (entry.venue, entry.live, entry.timeframe) == (VENUE, False, M15)
        found = state(binary, "BTCUSDT")
        assert found == SignalState(signal=entry.signals[0].signal)
        assert M15.ms < binary.pttl(keys.sig("BTCUSDT", M15)) <= M15.ms + 60_000
        await eventually(lambda: value(loop, "signals_latency_seconds_count") == len(SYMBOLS))
        # That it is no more than a second is held in tests/performance.
        assert value(loop, "signals_latency_seconds_sum") > 0


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


async def test_coin_that_is_delisted_is_told_at_once_and_has_no_signal_until_it_is_back(
    redis_url, binary, predictor
):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)):
        await caught_up(binary)
        write_listings(binary, VENUE, SOLUSDT=SymbolStatus.DELISTED)
        await eventually(lambda: told(binary, SignalReason.SYMBOL_DELISTED) == ["SOLUSDT"])
        assert state(binary, "SOLUSDT").signal is None  # it was said 14 minutes before
        predictor.store(M15, OPEN_MS)
        set_clock(binary, CLOSE_MS + 400)
        announce(binary, OPEN_MS)
        await eventually(lambda: len(told(binary, SignalReason.SYMBOL_DELISTED)) == 2)
        assert made(binary, OPEN_MS) == ["BTCUSDT", "ETHUSDT"]
        write_listings(binary, VENUE, SOLUSDT=SymbolStatus.TRADING)
        await eventually(lambda: "SOLUSDT" in made(binary, OPEN_MS))
        assert state(binary, "SOLUSDT").error is None
        assert told(binary, SignalReason.CANDLE_LATE) == []


async def test_feed_that_is_down_is_told_instead_of_late_candles(redis_url, binary, predictor):
    set_clock(binary, CLOSE_MS - 60_000)
    async with running(make_signal_loop(redis_url, predictor)) as loop:
        await caught_up(binary)
        write_feed_down(binary)
        await eventually(lambda: loop._followed.barred.feed_down)
        set_clock(binary, CLOSE_MS + 400)
        await eventually(lambda: loop._followed.rounds[M15].open_ms == OPEN_MS)
        set_clock(binary, CLOSE_MS + 31_000)
        await eventually(lambda: told(binary, SignalReason.FEED_DOWN) == list(SYMBOLS))
        found = state(binary, "ETHUSDT")
        assert found.signal is None and found.error.code is SignalReason.FEED_DOWN
        assert told(binary, SignalReason.CANDLE_LATE) == []


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
    version = make_signal().model_version
    measured = {f"BTCUSDT:{timeframe}": {version: 0.4375} for timeframe in SIGNAL_TIMEFRAMES}
    binary.set(keys.quality(SIGNALS), json.dumps({"venue": VENUE, "models": measured}))
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
    said = entries(binary)[0].signals[0].signal
    assert frame == json.loads(json.dumps(said.frame(first["seq"], live_accuracy=0.4375)))
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
