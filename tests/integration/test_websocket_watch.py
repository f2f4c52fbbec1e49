"""One market watched closely over the socket: real Redis, the real hub, the real ledger."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from pytest_django.fixtures import Settings

from dashboard.consumers import UNKNOWN_SYMBOL
from dashboard.hub import Hub
from market import keys
from tests.integration.web_socket import (
    FIRST_SEQ,
    TICK_MS,
    VENUE,
    SocketClient,
    serving_hub,
    store_book,
    store_clock,
    store_forecast,
    store_tape,
    trade,
)
from tests.waiting import eventually

BTC, ETH = "BTCUSDT", "ETHUSDT"
ALL = "/ws/predictions/"
WATCHED = f"{ALL}?watch={BTC}"
NOW_MS = FIRST_SEQ * TICK_MS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def hub(clean_redis: redis.Redis, settings: Settings) -> AsyncIterator[Hub]:
    settings.FORECAST_SYMBOLS = (BTC, ETH)
    async with serving_hub(clean_redis) as hub:
        yield hub


def watch(symbol: str | None) -> dict[str, Any]:
    return {"type": "watch", "symbol": symbol}


@pytest.mark.usefixtures("hub")
async def test_watched_market_comes_after_the_snapshot_with_all_there_is(
    clean_redis: redis.Redis,
) -> None:
    for second in range(400):
        at_ms = NOW_MS - 400_000 + second * 1000
        clean_redis.xadd(keys.px(BTC), {"mid": str(60_000 + second)}, id=f"{at_ms}-0")
    store_book(clean_redis, BTC, bid=60_000.0, ts=NOW_MS)
    store_tape(clean_redis, BTC, range(1, 4))
    await asyncio.to_thread(store_forecast, FIRST_SEQ - 6, hit=True)
    async with SocketClient(WATCHED) as client:
        kinds = [(await client.receive("snapshot", "market"))["type"]]
        frame = await client.receive("snapshot", "market")
    assert [*kinds, frame["type"]] == ["snapshot", "market"]
    market = frame["data"]
    assert (market["symbol"], market["venue"], market["live"]) == (BTC, VENUE, False)
    assert len(market["prices"]) == 301
    assert market["prices"][-1] == [NOW_MS - 1000, 60_399.0]
    assert [each["seq"] for each in market["forecasts"]] == [FIRST_SEQ - 6]
    assert market["book"] == {
        "ts": NOW_MS,
        "bids": [[60_000.0, 2.0], [59_999.0, 3.0]],
        "asks": [[60_001.0, 1.5], [60_002.0, 4.0]],
    }
    assert market["trades"] == [trade(3), trade(2), trade(1)]


@pytest.mark.usefixtures("hub")
async def test_watched_market_tells_what_changes_and_each_trade_once(
    clean_redis: redis.Redis,
) -> None:
    store_book(clean_redis, BTC, bid=60_000.0, ts=NOW_MS)
    store_tape(clean_redis, BTC, range(1, 31))
    async with SocketClient(ALL) as client:
        await client.send(watch("btc-usdt"))
        told = [each["id"] for each in (await client.receive("market"))["data"]["trades"]][::-1]
        for newest in (40, 60, 80):
            store_book(clean_redis, BTC, bid=60_000.0 + newest, ts=NOW_MS + newest)
            store_tape(clean_redis, BTC, range(max(1, newest - 49), newest + 1))
            frames: dict[str, Any] = {}
            while set(frames) != {"book", "trades"}:
                frame = await client.receive("book", "trades")
                frames[frame["type"]] = frame["data"]
            told += [each["id"] for each in frames["trades"]["trades"]]
            assert frames["book"]["bids"][0] == [60_000.0 + newest, 2.0]
            assert (frames["book"]["ts"], frames["book"]["symbol"]) == (NOW_MS + newest, BTC)
    assert told == list(range(1, 81))


async def test_watch_of_another_symbol_ends_the_first_and_null_ends_all(
    hub: Hub, clean_redis: redis.Redis
) -> None:
    async with SocketClient(WATCHED) as client:
        assert (await client.receive("market"))["data"]["symbol"] == BTC
        await client.send(watch(ETH))
        assert (await client.receive("market"))["data"]["symbol"] == ETH
        assert hub.watched == (ETH,)
        store_book(clean_redis, BTC, bid=50_000.0, ts=NOW_MS)
        store_book(clean_redis, ETH, bid=2_000.0, ts=NOW_MS)
        assert (await client.receive("book"))["data"]["symbol"] == ETH
        await client.send(watch(None))
        await eventually(lambda: not hub.watched)


async def test_watchers_of_one_symbol_share_its_readings_and_leave_none(
    hub: Hub, clean_redis: redis.Redis
) -> None:
    async with SocketClient(WATCHED) as first, SocketClient(WATCHED) as second:
        for client in (first, second):
            await client.receive("market")
        assert hub.watched == (BTC,)
        store_book(clean_redis, BTC, bid=60_000.0, ts=NOW_MS)
        frames = [await client.receive("book") for client in (first, second)]
        assert frames[0] == frames[1]
    assert not hub.watched


@pytest.mark.usefixtures("hub")
async def test_watched_market_of_a_feed_without_book_and_tape_says_null(
    clean_redis: redis.Redis,
) -> None:
    async with SocketClient(WATCHED) as client:
        market = (await client.receive("market"))["data"]
        assert (market["book"], market["trades"]) == (None, None)
        assert (market["prices"], market["forecasts"]) == ([], [])
        clean_redis.hset(
            keys.ob(BTC), mapping={"bid": "10", "bid_size": "1", "ask": "11", "ask_size": "nan"}
        )
        book = (await client.receive("book"))["data"]
        assert book == {"symbol": BTC, "ts": None, "bids": [[10.0, 1.0]], "asks": []}
        clean_redis.delete(keys.ob(BTC))
        book = (await client.receive("book"))["data"]
        assert book == {"symbol": BTC, "ts": None, "bids": [], "asks": []}


@pytest.mark.usefixtures("hub")
async def test_watched_market_is_sent_anew_with_another_venue(clean_redis: redis.Redis) -> None:
    async with SocketClient(WATCHED) as client:
        assert (await client.receive("market"))["data"]["venue"] == VENUE
        store_clock(clean_redis, now_ms=NOW_MS, venue="replay/a/1")
        assert (await client.receive("market"))["data"]["venue"] == "replay/a/1"


@pytest.mark.parametrize(
    ("running", "said", "believed"),
    [
        (VENUE, VENUE, True),
        (VENUE, None, True),
        ("replay/a/1", VENUE, False),
        ("replay/a/1", "kraken", False),
        (None, "kraken", True),
        (None, None, True),
        (None, VENUE, False),
        (None, "replay/a/1", False),
    ],
)
@pytest.mark.usefixtures("hub")
async def test_hot_state_of_another_market_is_not_shown_as_of_the_running_one(
    clean_redis: redis.Redis, running: str | None, said: str | None, believed: bool
) -> None:
    if running is None:
        clean_redis.delete(keys.clock())
    else:
        store_clock(clean_redis, now_ms=NOW_MS, venue=running)
    features: Any = {"mid_price": "2000.5", "feature_ts": repr(NOW_MS / 1000)}
    clean_redis.hset(keys.feat(ETH), mapping=features | ({} if said is None else {"venue": said}))
    clean_redis.xadd(keys.px(ETH), {"mid": "2000.5"}, id=f"{NOW_MS}-0")
    store_book(clean_redis, ETH, bid=2_000.0, ts=NOW_MS)
    store_tape(clean_redis, ETH, range(1, 4))
    async with SocketClient(f"{ALL}?watch={ETH}") as client:
        snapshot = (await client.receive("snapshot"))["data"]
        market = (await client.receive("market"))["data"]
    quote = snapshot["quotes"][ETH]
    if believed:
        assert (quote["mid"], quote["bid"]) == (2_000.5, 2_000.0)
        assert quote["age_ms"] is not None
        assert snapshot["prices"][ETH] == market["prices"] == [[NOW_MS, 2_000.5]]
        assert market["book"]["ts"] == NOW_MS
        assert len(market["trades"]) == 3
    else:
        assert set(quote.values()) == {None}
        assert snapshot["prices"][ETH] == market["prices"] == []
        assert (market["book"], market["trades"]) == (None, None)


@pytest.mark.parametrize("symbol", ["XMRUSDT", "..", "", 7, ["BTCUSDT"], {"a": 1}])
@pytest.mark.usefixtures("hub")
async def test_watch_of_what_is_no_symbol_is_refused_and_the_rest_goes_on(symbol: object) -> None:
    async with SocketClient(WATCHED) as client:
        await client.receive("market")
        await client.send({"type": "watch", "symbol": symbol})
        error = await client.receive("error")
        assert error["code"] in ("unknown_symbol", "bad_message")
        assert error["message"]
        await client.send(watch(ETH))
        assert (await client.receive("market"))["data"]["symbol"] == ETH


@pytest.mark.usefixtures("hub")
async def test_watch_of_an_unknown_symbol_in_the_path_is_told_and_the_snapshot_comes() -> None:
    async with SocketClient(f"{ALL}?watch=XMRUSDT") as client:
        assert (await client.receive("error", "snapshot"))["code"] == "unknown_symbol"
        assert (await client.receive("snapshot"))["data"]["symbols"] == [BTC, ETH]


@pytest.mark.usefixtures("hub")
async def test_watch_on_a_symbols_socket_is_of_that_symbol_alone() -> None:
    async with SocketClient(f"/ws/predictions/{BTC}/?watch={BTC}") as client:
        assert (await client.receive("market"))["data"]["symbol"] == BTC
        await client.send(watch(ETH))
        assert BTC in (await client.receive("error"))["message"]
    async with SocketClient(f"/ws/predictions/XMRUSDT/?watch={BTC}") as client:
        assert await client.closed() == UNKNOWN_SYMBOL


@pytest.mark.usefixtures("hub")
async def test_ping_is_answered_with_what_was_sent() -> None:
    async with SocketClient(ALL) as client:
        await client.send({"type": "ping", "t": 123.4})
        pong = await client.receive("pong")
        assert pong["t"] == 123.4
        assert pong["server_ms"] > 1_700_000_000_000
        for t in ("now", None, True):
            await client.send({"type": "ping", "t": t})
            assert (await client.receive("error"))["code"] == "bad_message"


@pytest.mark.usefixtures("hub")
async def test_quotes_tell_the_exchanges_own_time(clean_redis: redis.Redis) -> None:
    clean_redis.hset(keys.feat(BTC), mapping={"mid_price": "10", "exchange_ts_ms": "1234567"})
    async with SocketClient(ALL) as client:
        quotes = (await client.receive("snapshot"))["data"]["quotes"]
    assert quotes[BTC]["exchange_ts_ms"] == 1_234_567
    assert quotes[ETH]["exchange_ts_ms"] is None


@pytest.mark.parametrize(
    "tape",
    ["no json", "{}", "[1]", json.dumps([{"ts": 1}]), json.dumps([trade(1) | {"side": "x"}])],
)
@pytest.mark.usefixtures("hub")
async def test_tape_that_cannot_be_read_hurts_nothing(clean_redis: redis.Redis, tape: str) -> None:
    clean_redis.set(keys.tape(BTC), tape)
    clean_redis.hset(keys.ob(BTC), mapping={"bids": tape, "asks": "[[1,2,3],[4,5]]", "ts": "x"})
    async with SocketClient(WATCHED) as client:
        market = (await client.receive("market"))["data"]
    assert not market["trades"]
    assert market["book"] == {"ts": None, "bids": [], "asks": [[4, 5]]}
