"""Signals on their way to clients: real Redis, the real channel layer, the real hub."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from pytest_django.fixtures import Settings

from dashboard.hub import Hub
from inference.vocabulary import Direction, SignalReason
from market import keys
from market.candles.timeframes import Timeframe
from tests.integration.web_socket import (
    FIRST_SEQ,
    TICK_MS,
    SocketClient,
    publish,
    serving_hub,
    tick_message,
)
from tests.signals import VENUE, batch_message, no_signal, signal, store_state
from tests.waiting import eventually

BTC, ETH, SOL = "BTCUSDT", "ETHUSDT", "SOLUSDT"
ALL = "/ws/predictions/"
NOW_MS = FIRST_SEQ * TICK_MS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def hub(clean_redis: redis.Redis, settings: Settings) -> AsyncIterator[Hub]:
    settings.FORECAST_SYMBOLS = (BTC,)
    settings.SIGNAL_SYMBOLS = (BTC, ETH, SOL)
    async with serving_hub(clean_redis) as hub:
        yield hub


@pytest.mark.usefixtures("hub")
async def test_socket_of_all_symbols_gets_current_signals_and_then_one_frame_a_close(
    clean_redis: redis.Redis,
) -> None:
    hour = signal(ETH, Timeframe.H1, at_ms=NOW_MS)
    late = no_signal(ETH, Timeframe.H1, SignalReason.CANDLE_LATE)
    store_state(clean_redis, hour, late)
    async with SocketClient(ALL) as client:
        snapshot = (await client.receive("snapshot", "signals"))["data"]
        assert (snapshot["symbols"], snapshot["signal_symbols"]) == ([BTC], [BTC, ETH, SOL])
        assert snapshot["signals"] == [hour.frame()]
        assert snapshot["signal_errors"] == [late.item()]
        said = [signal(BTC, at_ms=NOW_MS), signal(ETH, at_ms=NOW_MS)]
        gap = no_signal(SOL, code=SignalReason.CANDLE_GAP)
        await publish(batch_message(41, *said, gap))
        frame = await client.receive("signals", "signal")
    assert (frame["seq"], frame["venue"], frame["live"]) == (41, VENUE, False)
    assert frame["timeframe"] == "15m"
    assert frame["data"] == [each.frame(41) for each in said]
    assert frame["errors"] == [gap.item()]


@pytest.mark.usefixtures("hub")
async def test_socket_of_a_symbol_without_forecasts_gets_its_signals(
    clean_redis: redis.Redis,
) -> None:
    store_state(clean_redis, signal(ETH, at_ms=NOW_MS - 900_000))
    store_state(clean_redis, signal(BTC, at_ms=NOW_MS - 900_000))
    async with SocketClient("/ws/predictions/eth-usdt/") as client:
        snapshot = (await client.receive("snapshot"))["data"]
        assert (snapshot["symbols"], snapshot["predictions"]) == ([], {})
        assert [each["symbol"] for each in snapshot["signals"]] == [ETH]
        await publish(tick_message(FIRST_SEQ, BTC))
        new = signal(ETH, at_ms=NOW_MS, direction=Direction.SHORT)
        await publish(batch_message(1, signal(BTC, at_ms=NOW_MS), new))
        frame = await client.receive("signal", "signals", "prediction")
        assert frame == {"type": "signal", "data": new.frame(1)}
        await publish(batch_message(2, no_signal(ETH)))
        assert (await client.receive("signal_error"))["data"]["code"] == "candle_late"


@pytest.mark.usefixtures("hub")
async def test_subscribe_narrows_signals_too(clean_redis: redis.Redis) -> None:
    for symbol in (BTC, ETH, SOL):
        store_state(clean_redis, signal(symbol, at_ms=NOW_MS))
    async with SocketClient(ALL) as client:
        assert len((await client.receive("snapshot"))["data"]["signals"]) == 3
        await client.send({"type": "subscribe", "symbols": [SOL, ETH]})
        snapshot = (await client.receive("snapshot"))["data"]
        assert snapshot["signal_symbols"] == [ETH, SOL]
        assert [each["symbol"] for each in snapshot["signals"]] == [ETH, SOL]
        await publish(batch_message(1, signal(BTC, at_ms=NOW_MS)))
        await publish(batch_message(2, signal(BTC, at_ms=NOW_MS), signal(SOL, at_ms=NOW_MS)))
        frame = await client.receive("signals")
    assert (frame["seq"], [each["symbol"] for each in frame["data"]]) == (2, [SOL])


async def test_slow_client_gets_the_newest_signals_alone(hub: Hub) -> None:
    async with SocketClient(ALL) as client:
        await client.receive("snapshot")
        await publish(tick_message(FIRST_SEQ, BTC))
        await client.receive("predictions")
        await client.send({"type": "ack", "seq": FIRST_SEQ})
        for ahead in (1, 2):
            await publish(tick_message(FIRST_SEQ + ahead, BTC))
            await client.receive("predictions")
        for seq in range(5):
            await publish(batch_message(seq, signal(BTC, at_ms=NOW_MS + seq * 900_000)))
        await eventually(lambda: hub.counters["signal_batches"] == 5)
        await client.send({"type": "ack", "seq": FIRST_SEQ + 2})
        assert (await client.receive("signals"))["seq"] == 4


async def test_batches_that_cannot_be_read_are_counted_and_dropped(hub: Hub) -> None:
    good = batch_message(2, signal(BTC, at_ms=NOW_MS))
    bad: list[dict[str, Any]] = [
        good | {"seq": "1"},
        good | {"frames": {BTC: 7}},
        {"type": "signals"},
    ]
    async with SocketClient(ALL) as client:
        await client.receive("snapshot")
        for message in (*bad, good):
            await publish(message)
        assert (await client.receive("signals"))["seq"] == 2
    assert hub.counters["bad_messages"] == len(bad)


@pytest.mark.usefixtures("hub")
async def test_snapshot_with_an_unreadable_signal_holds_the_others(
    clean_redis: redis.Redis,
) -> None:
    clean_redis.set(keys.sig(BTC, "15m"), "{")
    clean_redis.hset(keys.sig(BTC, "1h"), "not", "a string")
    store_state(clean_redis, signal(ETH, at_ms=NOW_MS))
    async with SocketClient(ALL) as client:
        snapshot = (await client.receive("snapshot"))["data"]
    assert [each["symbol"] for each in snapshot["signals"]] == [ETH]
