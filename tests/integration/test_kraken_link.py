"""Kraken as unmodified ccxt understands its documented messages."""

from market.candles.timeframes import Timeframe
from market.events import BookTicker, DepthSnapshot, Trade
from market.feeds.live.link import Stream, Subscription
from market.listings import SymbolStatus
from tests.integration.unified_listening import OPEN_MS, kraken, linked, listening, top_of, units
from tests.spoken_exchanges.kraken import SpokenKraken
from tests.waiting import eventually


async def test_kraken_lists_by_common_names_and_says_what_is_halted() -> None:
    async with linked(SpokenKraken()) as link:
        found = await link.listings()
    assert {symbol: each.status for symbol, each in found.items()} == {
        "BTCUSD": SymbolStatus.TRADING,
        "SOLUSD": SymbolStatus.HALTED,
    }
    assert found["BTCUSD"].tick_size == 0.1


async def test_kraken_book_and_trades_reach_the_sink_in_order() -> None:
    async with kraken("BTCUSD") as (exchange, listener):
        await exchange.tell(
            {"channel": "heartbeat"},
            exchange.book("snapshot", "BTC/USD", [(100.0, 1.0)], [(100.5, 2.0)]),
            exchange.trade("BTC/USD", 70, 100.5, 0.5, "buy"),
            exchange.book("update", "BTC/USD", [(100.1, 3.0)], []),
            exchange.trade("BTC/USD", 71, 100.1, 0.5, "sell"),
        )
        heard = listener.heard
        await eventually(lambda: len(heard.trades) == 2 and heard.books)
        kinds = [type(each) for each in heard.events if not isinstance(each, DepthSnapshot)]
        assert kinds == [BookTicker, Trade, BookTicker, Trade]
        assert [each.buyer_initiated for each in heard.trades] == [True, False]
        assert top_of(heard.tops[1]) == units(100.1, 3, 100.5, 2)
        assert listener.connection.proof_ns is not None
    (asked,) = exchange.subscriptions("book")
    assert asked == ["BTC/USD"]
    assert exchange.heard[0]["params"]["channel"] in ("book", "trade")


async def test_kraken_crossed_book_is_left_and_asked_for_again() -> None:
    async with kraken("BTCUSD") as (exchange, listener):
        heard = listener.heard
        await exchange.tell(
            exchange.book("snapshot", "BTC/USD", [(100.0, 1.0)], [(100.5, 2.0)]),
            exchange.book("update", "BTC/USD", [(100.7, 3.0)], []),
        )
        await eventually(lambda: len(exchange.subscriptions("book")) == 2)
        assert ("book_broken", "BTCUSD") in heard.faults
        lost = heard.books[-1]
        assert (lost.bids, lost.asks) == ([], [])
        told = len(heard.events)
        await exchange.tell(exchange.book("update", "BTC/USD", [(100.8, 3.0)], []))
        await exchange.tell(
            exchange.book("snapshot", "BTC/USD", [(100.0, 1.0)], [(100.5, 2.0)]),
        )
        await eventually(lambda: len(heard.events) >= told + 2)
    assert top_of(heard.tops[-1]) == units(100.0, 1, 100.5, 2)
    assert [event.last_id for event in heard.books][-1] > lost.last_id


async def test_kraken_book_that_contradicts_its_checksum_is_asked_for_again() -> None:
    # The example of Kraken's documentation, with its checksum.
    asks = [
        (45285.2, 0.001),
        (45286.4, 1.54571953),
        (45286.6, 1.54571109),
        (45289.6, 1.54560911),
        (45290.2, 0.1589066),
        (45291.8, 1.54553491),
        (45294.7, 0.04454749),
        (45296.1, 0.3538),
        (45297.5, 0.09945542),
        (45299.5, 0.18772827),
    ]
    bids = [
        (45283.5, 0.1),
        (45283.4, 1.54582015),
        (45282.1, 0.1),
        (45281.0, 0.1),
        (45280.3, 1.54592586),
        (45279.0, 0.0799),
        (45277.6, 0.03310103),
        (45277.5, 0.3),
        (45277.3, 1.54602737),
        (45276.6, 0.15445238),
    ]
    async with kraken("BTCUSD") as (exchange, listener):
        heard = listener.heard
        whole = exchange.book("snapshot", "BTC/USD", bids, asks, 3310070434)
        beyond = exchange.book("update", "BTC/USD", [(45000.0, 1.0)], [], 3310070434)
        await exchange.tell(whole, beyond)
        await eventually(lambda: heard.books and len(heard.books[-1].bids) == 11)
        assert not heard.faults
        # An update that is contradicted: another must have been missed.
        await exchange.tell(exchange.book("update", "BTC/USD", [(45283.5, 0.2)], [], 3310070434))
        await eventually(lambda: len(exchange.subscriptions("book")) == 2)
        assert heard.faults == [("book_broken", "BTCUSD")]
        assert heard.books[-1].bids == []


async def test_kraken_candle_is_closed_when_the_next_begins() -> None:
    exchange = SpokenKraken()
    wanted = [
        Subscription("BTCUSD", Stream.CANDLES, Timeframe.M1),
        Subscription("BTCUSD", Stream.CANDLES, Timeframe.M15),
    ]
    async with linked(exchange) as link, listening(link, wanted) as listener:
        await eventually(lambda: len(exchange.subscriptions("ohlc")) == 2)
        await exchange.tell(
            exchange.candle("BTC/USD", "2026-09-21T14:13:00.000000000Z", 101.0),
            exchange.candle("BTC/USD", "2026-09-21T14:00:00.000000000Z", 90.0, interval=15),
            exchange.candle("BTC/USD", "2026-09-21T14:13:00.000000000Z", 102.0),
            exchange.candle("BTC/USD", "2026-09-21T14:14:00.000000000Z", 103.0),
        )
        await eventually(lambda: listener.heard.candles)
        (candle,) = listener.heard.candles
    assert (candle.symbol, candle.timeframe, candle.close) == ("BTCUSD", "1m", 102.0)
    assert candle.open_ms == OPEN_MS


async def test_kraken_refused_subscription_is_counted() -> None:
    async with kraken("BTCUSD") as (exchange, listener):
        refusal = {"method": "subscribe", "success": False, "error": "Currency pair not supported"}
        await exchange.tell(refusal | {"symbol": "BTC/USD", "req_id": 1})
        await eventually(lambda: listener.heard.faults == [("refused", "")])
