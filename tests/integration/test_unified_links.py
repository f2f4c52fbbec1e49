"""Coinbase, Kraken, OKX and Bybit as unmodified ccxt understands their documented messages."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from market.candles.timeframes import Timeframe
from market.events import SCALE, AnyEvent, BookTicker, CandleClosed, DepthSnapshot, Trade
from market.exchanges import SUPPORTED
from market.feeds.live.link import LinkError, Stream, Subscription
from market.feeds.live.unified import UnifiedLink
from market.feeds.live.unified_connection import UnifiedConnection
from market.listings import SymbolStatus
from tests.spoken_exchanges import (
    MINUTE_MS,
    NOW_MS,
    Spoken,
    SpokenBybit,
    SpokenCoinbase,
    SpokenKraken,
    SpokenOkx,
    speaking,
)
from tests.waiting import PATIENCE_SECONDS, eventually

OPEN_MS = NOW_MS - NOW_MS % MINUTE_MS


class Heard:
    """A sink that keeps all."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.candles: list[CandleClosed] = []
        self.faults: list[tuple[str, str]] = []

    def event(self, event: AnyEvent, stream: Stream) -> None:
        kinds = {Trade: Stream.TRADES, BookTicker: Stream.TOP, DepthSnapshot: Stream.DEPTH}
        assert kinds[type(event)] is stream
        self.events.append(event)

    def candle(self, candle: CandleClosed) -> None:
        self.candles.append(candle)

    def newest_trade(self, symbol: str, trade_id: int, recv_ns: int) -> None:
        raise NotImplementedError("no stream of these exchanges tells")

    def fault(self, kind: str, symbol: str = "") -> None:
        self.faults.append((kind, symbol))

    @property
    def trades(self) -> list[Trade]:
        return [each for each in self.events if isinstance(each, Trade)]

    @property
    def tops(self) -> list[BookTicker]:
        return [each for each in self.events if isinstance(each, BookTicker)]

    @property
    def books(self) -> list[DepthSnapshot]:
        return [each for each in self.events if isinstance(each, DepthSnapshot)]


class Listener:
    """A connection that runs, and what it heard."""

    def __init__(self, connection: UnifiedConnection, heard: Heard) -> None:
        self.connection = connection
        self.heard = heard
        self.task = asyncio.create_task(connection.run())

    async def lost(self) -> str:
        """Wait for the end of the connection, and return why it ended."""
        with pytest.raises(LinkError) as caught:
            await asyncio.wait_for(self.task, PATIENCE_SECONDS)
        return str(caught.value)


def streams(*symbols: str) -> list[Subscription]:
    kinds = (Stream.DEPTH, Stream.TOP, Stream.TRADES)
    return [Subscription(symbol, kind) for symbol in symbols for kind in kinds]


@asynccontextmanager
async def linked(exchange: Spoken) -> AsyncIterator[UnifiedLink]:
    async with speaking(exchange):
        hasty = replace(SUPPORTED[exchange.name], subscribe_ms=1)
        link = UnifiedLink(hasty, exchange.url)
        try:
            yield link
        finally:
            await link.close()


@asynccontextmanager
async def listening(
    link: UnifiedLink, subscriptions: Sequence[Subscription]
) -> AsyncIterator[Listener]:
    heard = Heard()
    listener = Listener(link.connection(subscriptions, heard), heard)
    try:
        yield listener
    finally:
        await listener.connection.close()
        await asyncio.wait({listener.task}, timeout=PATIENCE_SECONDS)
        if listener.task.done() and not listener.task.cancelled():
            listener.task.exception()


def units(*values: float) -> tuple[int, ...]:
    return tuple(round(value * SCALE) for value in values)


def top_of(ticker: BookTicker) -> tuple[int, int, int, int]:
    return ticker.bid, ticker.bid_size, ticker.ask, ticker.ask_size


# Coinbase


@asynccontextmanager
async def coinbase(*symbols: str) -> AsyncIterator[tuple[SpokenCoinbase, Listener]]:
    exchange = SpokenCoinbase()
    async with linked(exchange) as link, listening(link, streams(*symbols)) as listener:
        await eventually(lambda: exchange.subscriptions("heartbeats"))
        await eventually(lambda: exchange.subscriptions("market_trades"))
        await eventually(lambda: exchange.subscriptions("level2"))
        yield exchange, listener


async def test_coinbase_lists_spot_markets_without_aliases() -> None:
    async with linked(SpokenCoinbase()) as link:
        found = await link.listings()
        assert await link.server_time_ms() == NOW_MS
    assert {symbol: each.status for symbol, each in found.items()} == {
        "BTCUSD": SymbolStatus.TRADING,
        "ETHUSD": SymbolStatus.TRADING,
        "OLDUSD": SymbolStatus.HALTED,
    }
    assert (found["BTCUSD"].tick_size, found["BTCUSD"].lot_size) == (0.01, 1e-8)


async def test_coinbase_trades_are_told_by_the_taker_and_old_ones_left_out() -> None:
    async with coinbase("BTCUSD") as (exchange, listener):
        await exchange.tell(
            exchange.trades("snapshot", ("BTC-USD", "7", "99", "1", "BUY")),
            exchange.trades(
                "update",
                ("BTC-USD", "9", "100.5", "0.25", "SELL"),
                ("BTC-USD", "8", "100.25", "2", "BUY"),
            ),
            exchange.trades("update", ("BTC-USD", "9", "100.5", "0.25", "SELL")),
            exchange.trades("update", ("BTC-USD", "12", "101", "1", "SELL")),
        )
        await eventually(lambda: len(listener.heard.trades) == 3)
        trades = listener.heard.trades
    # Coinbase names the side of the order in the book: a BUY there was sold into.
    assert [each.buyer_initiated for each in trades] == [False, True, True]
    assert [each.trade_id for each in trades] == [1, 2, 3]
    assert [(each.price, each.size) for each in trades] == [
        units(100.25, 2),
        units(100.5, 0.25),
        units(101, 1),
    ]
    assert trades[0].symbol == "BTCUSD"
    assert abs(trades[0].recv_ns - time.time_ns()) < 10e9


async def test_coinbase_book_is_told_whole_once_a_cell_and_its_top_at_once() -> None:
    async with coinbase("BTCUSD") as (exchange, listener):
        await exchange.tell(
            exchange.book(
                "snapshot",
                "BTC-USD",
                ("bid", "100.00", "1"),
                ("bid", "99.99", "2"),
                ("offer", "100.02", "3"),
                ("offer", "100.03", "4"),
            ),
            exchange.book("update", "BTC-USD", ("bid", "100.01", "5")),
            exchange.book("update", "BTC-USD", ("offer", "100.03", "0")),
        )
        heard = listener.heard
        await eventually(lambda: heard.books and len(heard.books[-1].asks) == 1)
        assert [top_of(each) for each in heard.tops] == [
            units(100.00, 1, 100.02, 3),
            units(100.01, 5, 100.02, 3),
        ]
        book = heard.books[-1]
    assert book.bids == [units(100.01, 5), units(100.00, 1), units(99.99, 2)]
    assert book.asks == [units(100.02, 3)]
    assert book.last_id >= heard.tops[-1].update_id


async def test_coinbase_message_that_did_not_come_ends_the_connection() -> None:
    async with coinbase("BTCUSD") as (exchange, listener):
        await exchange.tell(exchange.book("snapshot", "BTC-USD", ("bid", "100", "1")))
        exchange.book("update", "BTC-USD", ("bid", "100", "2"))  # never sent
        await exchange.tell(exchange.book("update", "BTC-USD", ("bid", "100", "3")))
        assert "message 1 did not come" in await listener.lost()


async def test_coinbase_makes_four_hours_of_its_hours() -> None:
    async with linked(SpokenCoinbase()) as link:
        since_ms = NOW_MS - NOW_MS % Timeframe.H4.ms - 2 * Timeframe.H4.ms
        found = await link.candles("BTCUSD", Timeframe.H4, since_ms, 1)
        assert link.candle_page(Timeframe.H4) >= 1
    assert found.open_ms.tolist() == [since_ms]
    assert found.volume.tolist() == [8.0]


# Kraken


@asynccontextmanager
async def kraken(*symbols: str) -> AsyncIterator[tuple[SpokenKraken, Listener]]:
    exchange = SpokenKraken()
    async with linked(exchange) as link, listening(link, streams(*symbols)) as listener:
        await eventually(lambda: exchange.subscriptions("trade"))
        await eventually(lambda: exchange.subscriptions("book"))
        yield exchange, listener


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


async def test_symbol_that_is_not_listed_ends_the_connection_with_its_name() -> None:
    async with linked(SpokenKraken()) as link, listening(link, streams("NOUSD")) as listener:
        assert await listener.lost() == "kraken does not list NOUSD"


# OKX


@asynccontextmanager
async def okx(*symbols: str) -> AsyncIterator[tuple[SpokenOkx, Listener]]:
    exchange = SpokenOkx()
    async with linked(exchange) as link, listening(link, streams(*symbols)) as listener:
        await eventually(lambda: exchange.subscriptions("trades"))
        await eventually(lambda: exchange.subscriptions("books"))
        yield exchange, listener


async def test_okx_gap_asks_for_that_symbols_book_alone() -> None:
    async with okx("BTCUSDT", "ETHUSDT") as (exchange, listener):
        heard = listener.heard
        await exchange.tell(
            exchange.book("snapshot", "BTC-USDT", [("100", "1")], [("101", "1")], (-1, 10)),
            exchange.book("snapshot", "ETH-USDT", [("10", "1")], [("11", "1")], (-1, 5)),
            exchange.book("update", "BTC-USDT", [("100.5", "2")], [], (10, 12)),
            exchange.book("update", "BTC-USDT", [("100.6", "2")], [], (13, 14)),
        )
        await eventually(lambda: len(exchange.subscriptions("books")) == 2)
        assert exchange.subscriptions("books") == [["BTC-USDT", "ETH-USDT"], ["BTC-USDT"]]
        assert heard.faults == [("book_broken", "BTCUSDT")]
        await exchange.tell(
            {"event": "unsubscribe", "arg": {"channel": "books", "instId": "BTC-USDT"}},
            exchange.book("snapshot", "BTC-USDT", [("99", "1")], [("100", "1")], (-1, 20)),
            exchange.book("update", "BTC-USDT", [("99.5", "1")], [], (20, 21)),
            exchange.book("update", "ETH-USDT", [("10.5", "1")], [], (5, 6)),
        )
        await eventually(lambda: len(heard.tops) == 6)
    tops = [(each.symbol, each.bid) for each in heard.tops]
    assert tops == [
        ("BTCUSDT", *units(100)),
        ("ETHUSDT", *units(10)),
        ("BTCUSDT", *units(100.5)),
        ("BTCUSDT", *units(99)),
        ("BTCUSDT", *units(99.5)),
        ("ETHUSDT", *units(10.5)),
    ]
    assert not listener.task.done() or "closed" in str(listener.task.exception())


async def test_okx_trades_and_steps_are_told() -> None:
    async with okx("BTCUSDT") as (exchange, listener):
        await exchange.tell(exchange.trade("BTC-USDT", "900", "100.5", "0.1", "sell"), "pong")
        await eventually(lambda: listener.heard.trades)
        (trade,) = listener.heard.trades
    assert (trade.buyer_initiated, trade.exchange_ms) == (False, NOW_MS)


async def test_okx_days_are_those_of_utc() -> None:
    exchange = SpokenOkx()
    wanted = [Subscription("BTCUSDT", Stream.CANDLES, Timeframe.D1)]
    day = Timeframe.D1
    async with linked(exchange) as link, listening(link, wanted) as listener:
        await eventually(lambda: exchange.heard)
        assert exchange.asked(exchange.heard[0]) == ("candle1Dutc", ["BTC-USDT"])
        open_ms = day.open_of(NOW_MS)
        await exchange.tell(
            exchange.candle("candle1Dutc", "BTC-USDT", open_ms - day.ms, "101"),
            exchange.candle("candle1Dutc", "BTC-USDT", open_ms, "102"),
        )
        await eventually(lambda: listener.heard.candles)
        (candle,) = listener.heard.candles
        assert (candle.timeframe, candle.open_ms, candle.close) == ("1d", open_ms - day.ms, 101.0)
        await exchange.tell(exchange.candle("candle1Dutc", "BTC-USDT", open_ms + 3_600_000, "1"))
        await eventually(lambda: listener.heard.faults == [("candle_off_grid", "BTCUSDT")])


# Bybit


@asynccontextmanager
async def bybit(*symbols: str) -> AsyncIterator[tuple[SpokenBybit, Listener]]:
    exchange = SpokenBybit()
    async with linked(exchange) as link, listening(link, streams(*symbols)) as listener:
        await eventually(lambda: exchange.subscriptions("publicTrade"))
        await eventually(lambda: exchange.subscriptions("orderbook.50"))
        yield exchange, listener


async def test_bybit_book_trades_and_candles_reach_the_sink() -> None:
    exchange = SpokenBybit()
    wanted = [*streams("BTCUSDT"), Subscription("BTCUSDT", Stream.CANDLES, Timeframe.M1)]
    async with linked(exchange) as link, listening(link, wanted) as listener:
        channels = {"publicTrade", "orderbook.50", "kline.1"}
        await eventually(lambda: {exchange.asked(each)[0] for each in exchange.heard} == channels)
        await exchange.tell(
            exchange.book("snapshot", "BTCUSDT", [["100", "1"]], [["101", "2"]], 1),
            exchange.book("delta", "BTCUSDT", [["100", "0"], ["99", "4"]], [], 2),
            exchange.trades("BTCUSDT", ("a-1", "100.5", "1", "Buy"), ("a-2", "100.4", "2", "Sell")),
            exchange.candle("BTCUSDT", OPEN_MS, "101", confirm=False),
            exchange.candle("BTCUSDT", OPEN_MS, "102", confirm=True),
            exchange.candle("BTCUSDT", OPEN_MS + MINUTE_MS, "103", confirm=False),
        )
        heard = listener.heard
        await eventually(lambda: heard.candles and heard.books)
        assert [each.trade_id for each in heard.trades] == [1, 2]
        assert [each.buyer_initiated for each in heard.trades] == [True, False]
        assert top_of(heard.tops[-1]) == units(99, 4, 101, 2)
        (candle,) = heard.candles
    assert (candle.open_ms, candle.close, candle.volume) == (OPEN_MS, 102.0, 2.0)


async def test_bybit_subscriptions_name_no_more_than_it_takes_at_once() -> None:
    exchange = SpokenBybit()
    exchange.bases = [f"COIN{number}" for number in range(23)]
    symbols = [f"{base}USDT" for base in exchange.bases]
    async with linked(exchange) as link, listening(link, streams(*symbols)):
        await eventually(lambda: len(exchange.subscriptions("orderbook.50")) == 3)
        await eventually(lambda: len(exchange.subscriptions("publicTrade")) == 3)
    sizes = [len(each) for each in exchange.subscriptions("orderbook.50")]
    assert sizes == [10, 10, 3]


# All


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
