"""Links of unmodified ccxt: lost, renewed, and told what nobody understands."""

import asyncio

import pytest

from market.exchanges import SUPPORTED
from market.feeds.live.link import LinkError
from market.feeds.live.unified import UnifiedLink
from tests.integration.unified_listening import bybit, kraken, linked, listening, streams
from tests.spoken_exchanges.kraken import SpokenKraken
from tests.waiting import eventually


async def test_symbol_that_is_not_listed_ends_the_connection_with_its_name() -> None:
    async with linked(SpokenKraken()) as link, listening(link, streams("NOUSD")) as listener:
        assert await listener.lost() == "kraken does not list NOUSD"


async def test_a_frame_that_is_not_understood_has_every_book_asked_for_again() -> None:
    async with bybit("BTCUSDT", "ETHUSDT") as (exchange, listener):
        heard = listener.heard
        await exchange.tell(
            exchange.book("snapshot", "BTCUSDT", [["100", "1"]], [["101", "2"]], 1),
            exchange.book("snapshot", "ETHUSDT", [["10", "1"]], [["11", "2"]], 1),
        )
        await eventually(lambda: len(heard.tops) == 2)
        await exchange.tell('{"topic":"orderbook.50.BTC')
        await eventually(lambda: len(exchange.subscriptions("orderbook.50")) == 3)
        assert heard.faults[0] == ("malformed", "")
        await exchange.tell(
            exchange.book("snapshot", "BTCUSDT", [["100", "1"]], [["101", "2"]], 9),
        )
        await eventually(lambda: len(heard.tops) == 3)
        assert not listener.task.done()


async def test_connection_that_the_exchange_ends_is_lost() -> None:
    async with kraken("BTCUSD") as (exchange, listener):
        await exchange.drop()
        assert "clos" in (await listener.lost()).lower()


async def test_renewed_streams_are_left_and_subscribed_to_again() -> None:
    async with kraken("BTCUSD") as (exchange, listener):
        await listener.connection.renew(streams("BTCUSD"))
        await eventually(lambda: len(exchange.subscriptions("trade")) == 2)
        await eventually(lambda: len(exchange.subscriptions("book")) == 2)
        tasks = len(asyncio.all_tasks())
        await listener.connection.renew(streams("BTCUSD"))
        await eventually(lambda: len(exchange.subscriptions("book")) == 3)
        await eventually(lambda: len(asyncio.all_tasks()) == tasks)
        assert not listener.task.done()
    left = [each["params"]["channel"] for each in exchange.heard if "unsub" in each["method"]]
    assert sorted(left) == ["book", "book", "trade", "trade"]


async def test_link_without_a_server_says_so() -> None:
    link = UnifiedLink(SUPPORTED["bybit"], "http://127.0.0.1:1")
    try:
        with pytest.raises(LinkError):
            await link.server_time_ms()
        with pytest.raises(LinkError):
            await link.listings()
    finally:
        await link.close()
