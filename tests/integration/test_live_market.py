"""The market process with a live source: whom it asks, what it says meanwhile, what it tells."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from market import keys
from market.candles.desk import CandlePlan
from market.exchanges import SUPPORTED, Exchange
from market.feed_state import FEED_DOWN, outage_of
from market.feeds import FeedError, opening
from market.feeds.choosing import Independence
from market.feeds.live.asking import StoppedError, ask_exchange
from market.feeds.live.link import LinkError
from market.feeds.live.markets import Markets
from market.feeds.opening import MarketChoice, OpenedFeed, open_feed
from market.listings import SymbolStatus, read_listings
from market.running import MarketPlan, run_market
from tests.fake_exchanges import fake_exchange
from tests.ports import free_port
from tests.recordings import BTC_SPOT, recording
from tests.spoken_exchanges.bybit import SpokenBybit
from tests.spoken_exchanges.coinbase import SpokenCoinbase
from tests.spoken_exchanges.exchange import Spoken, speaking
from tests.spoken_exchanges.kraken import SpokenKraken
from tests.spoken_exchanges.okx import SpokenOkx
from tests.waiting import PATIENCE_SECONDS, eventually, eventually_sync


def choice(source: str, **fields: Any) -> MarketChoice:
    return MarketChoice(source, ("BTCUSDT",), (), 1.0, 1, **fields)


@contextmanager
def running(chosen: MarketChoice, redis_url: str, root: Path) -> Iterator[threading.Event]:
    """Run a market process's loop in a thread; the event is set once it has ended."""
    stop, ended = threading.Event(), threading.Event()
    plan = MarketPlan(chosen, CandlePlan(root, "binance", ()), redis_url, False, 2_000)

    def run() -> None:
        run_market(plan, stop.is_set, once=False)
        ended.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield ended
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)
        assert ended.is_set()


def hash_of(client: redis.Redis, key: str) -> dict[str, str]:
    return cast("dict[str, str]", client.hgetall(key))


def heartbeat(client: redis.Redis) -> tuple[str, dict[str, Any]]:
    beat = hash_of(client, keys.health("market"))
    return beat.get("status", ""), json.loads(beat.get("detail", "{}"))


def test_live_market_of_another_server_is_told_as_a_replay_with_its_listings(
    clean_redis: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    marker = tmp_path / "been_live"
    with fake_exchange(recording(BTC_SPOT)) as exchange:
        chosen = choice(
            "live",
            exchange_url=exchange.url,
            candle_symbols=("BTCUSDT", "MATICUSDT"),
            independence=Independence(marker),
        )
        with running(chosen, redis_url, tmp_path):
            eventually_sync(lambda: heartbeat(clean_redis)[0] == "active")
            eventually_sync(lambda: hash_of(clean_redis, keys.listings()))
            _, detail = heartbeat(clean_redis)
            clock = hash_of(clean_redis, keys.clock())
            listed = read_listings(hash_of(clean_redis, keys.listings()), clock["venue"])
            clean_redis.flushall()
            eventually_sync(lambda: hash_of(clean_redis, keys.listings()))
    venue = f"replay/binance@127.0.0.1:{exchange.port}"
    assert (clock["venue"], clock["live"]) == (venue, "0")
    assert (detail["source"], detail["exchange"], detail["tried"]) == ("live", "binance", [])
    assert {symbol: each.status for symbol, each in listed.items()} == {
        "BTCUSDT": SymbolStatus.TRADING,
        "MATICUSDT": SymbolStatus.DELISTED,
    }
    assert listed["BTCUSDT"].tick_size == 0.01
    assert not marker.exists()


def test_live_market_without_an_answer_says_feed_down_until_it_is_there(
    clean_redis: redis.Redis, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.feeds.choosing.FIRST_WAIT_SECONDS", 0.3)
    port = free_port()
    chosen = choice("live", exchange_url=f"http://127.0.0.1:{port}")
    with running(chosen, redis_url, tmp_path):
        eventually_sync(lambda: heartbeat(clean_redis)[0] == FEED_DOWN)
        _, detail = heartbeat(clean_redis)
        assert (detail["source"], detail["exchange"]) == ("live", "binance")
        outage = outage_of(detail)
        assert outage is not None
        assert [each.exchange for each in outage.tried] == ["binance"]
        assert outage.tried[0].error
        with fake_exchange(recording(BTC_SPOT), port=port):
            eventually_sync(lambda: heartbeat(clean_redis)[0] == "active")


def test_live_market_stops_at_once_while_nobody_answers(
    clean_redis: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    chosen = choice("live", exchange_url=f"http://127.0.0.1:{free_port()}")
    with running(chosen, redis_url, tmp_path) as ended:
        eventually_sync(lambda: heartbeat(clean_redis)[0] == FEED_DOWN)
        assert not ended.is_set()


class Going:
    """Goes on, and is told of no outage."""

    def going_on(self) -> bool:
        return True

    def down(self, outage: object) -> None:
        raise AssertionError(outage)


def opened(
    monkeypatch: pytest.MonkeyPatch, independence: Independence, asked: list[str]
) -> OpenedFeed | None:
    def ask(exchange: Exchange, *_: object) -> Markets:
        asked.append(exchange.name)
        raise LinkError("no route to it")

    monkeypatch.setattr(opening, "ask_exchange", ask)
    return open_feed(
        choice("auto", independence=independence), 1_790_000_000_000, lambda: 1, Going()
    )


def test_auto_simulates_where_no_exchange_answers_and_says_whom_it_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []
    feed = opened(monkeypatch, Independence(tmp_path / "been_live"), asked)
    assert asked == ["binance", "binance-public", "coinbase", "kraken"]
    assert feed is not None
    assert (feed.venue, feed.live) == ("simulated", False)
    assert (feed.told["source"], feed.told["exchange"]) == ("auto", None)
    assert [each["exchange"] for each in feed.told["tried"]] == asked


@pytest.mark.parametrize("been_live", [True, False])
def test_auto_that_was_live_or_is_listened_to_reports_the_outage(
    been_live: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    independence = Independence(tmp_path / "been_live", () if been_live else ("API_TOKEN",))
    if been_live:
        independence.mark_live()
    with pytest.raises(AssertionError, match="no route to it"):
        opened(monkeypatch, independence, [])


def test_name_that_a_resolver_looks_for_in_vain_takes_no_longer_than_its_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = threading.Event()

    def look(*_: object, **__: object) -> object:
        found.wait(20)
        raise OSError("no such name")

    monkeypatch.setattr("socket.getaddrinfo", look)
    began = time.monotonic()
    try:
        with pytest.raises(LinkError, match=r"kraken did not answer within 0\.3 s"):
            ask_exchange(SUPPORTED["kraken"], "", ("BTCUSD",), 0.3, lambda: True)
        with pytest.raises(StoppedError):
            ask_exchange(SUPPORTED["kraken"], "", ("BTCUSD",), 20.0, lambda: False)
        assert time.monotonic() - began < 10
    finally:
        found.set()


def test_live_market_that_lists_nothing_wanted_needs_a_person() -> None:
    with fake_exchange(recording(BTC_SPOT)) as exchange:
        chosen = MarketChoice("live", ("NOUSDT",), (), 1.0, 1, exchange_url=exchange.url)
        with pytest.raises(FeedError, match=r"binance lists none of NOUSDT.*BTCUSDT"):
            open_feed(chosen, 1_790_000_000_000, lambda: 1, Going())


def quoting_coinbase() -> Spoken:
    exchange = SpokenCoinbase()
    exchange.at_once["level2"] = [
        exchange.book("snapshot", "BTC-USD", ("bid", "100", "1"), ("offer", "101", "2"))
    ]
    exchange.at_once["heartbeats"] = [exchange.number({"channel": "heartbeats", "events": []})]
    return exchange


def quoting_kraken() -> Spoken:
    exchange = SpokenKraken()
    exchange.at_once["book"] = [exchange.book("snapshot", "BTC/USD", [(100, 1)], [(101, 2)])]
    return exchange


def quoting_okx() -> Spoken:
    exchange = SpokenOkx()
    exchange.at_once["books"] = [
        exchange.book("snapshot", "BTC-USDT", [("100", "1")], [("101", "2")], (-1, 1))
    ]
    return exchange


def quoting_bybit() -> Spoken:
    exchange = SpokenBybit()
    exchange.at_once["orderbook.50"] = [
        exchange.book("snapshot", "BTCUSDT", [["100", "1"]], [["101", "2"]], 1)
    ]
    return exchange


@asynccontextmanager
async def heard(exchange: Spoken, redis_url: str, root: Path) -> AsyncIterator[str]:
    """Run the market of an exchange that is served on this loop; yields its symbol."""
    symbol = "BTCUSDT" if exchange.name in ("okx", "bybit") else "BTCUSD"
    chosen = MarketChoice(
        "live", (symbol,), (), 1.0, 1, exchange=exchange.name, exchange_url=exchange.url
    )
    plan = MarketPlan(chosen, CandlePlan(root, "binance", ()), redis_url, False, 2_000)
    stop = threading.Event()
    market = asyncio.create_task(asyncio.to_thread(run_market, plan, stop.is_set, once=False))
    try:
        yield symbol
    finally:
        stop.set()
        await market


@pytest.mark.parametrize(
    "make",
    [quoting_coinbase, quoting_kraken, quoting_okx, quoting_bybit],
    ids=lambda each: each.__name__,
)
async def test_market_of_each_exchange_reaches_the_hot_state(
    make: Callable[[], Spoken], clean_redis: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    async with speaking(make()) as exchange, heard(exchange, redis_url, tmp_path) as symbol:
        # Nothing is told after the first book: what came before anybody listened counts.
        await eventually(lambda: hash_of(clean_redis, keys.ob(symbol)).get("bid"))
        book = hash_of(clean_redis, keys.ob(symbol))
        await eventually(lambda: hash_of(clean_redis, keys.feat(symbol)).get("mid_price"))
        feat = hash_of(clean_redis, keys.feat(symbol))
    assert (float(book["bid"]), float(book["ask_size"])) == (100.0, 2.0)
    assert float(feat["mid_price"]) == 100.5
    assert feat["venue"].startswith(f"replay/{exchange.name}@127.0.0.1:")


async def test_market_of_an_exchange_that_hung_up_is_heard_again(
    clean_redis: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    def mid() -> str:
        return hash_of(clean_redis, keys.feat("BTCUSDT")).get("mid_price", "")

    exchange = quoting_okx()
    async with speaking(exchange), heard(exchange, redis_url, tmp_path):
        await eventually(mid)
        await exchange.drop()
        await eventually(lambda: not mid())
        await eventually(mid)
        subscribed = exchange.subscriptions("books")
    assert subscribed == [["BTC-USDT"], ["BTC-USDT"]]


def test_every_supported_exchange_is_documented() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    for name in SUPPORTED:
        assert f"| `{name}` |" in documented
