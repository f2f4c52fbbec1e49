"""OKX and Bybit as unmodified ccxt understands their documented messages."""

from market.candles.timeframes import Timeframe
from market.feeds.live.link import Stream, Subscription
from tests.integration.unified_listening import (
    OPEN_MS,
    linked,
    listening,
    okx,
    streams,
    top_of,
    units,
)
from tests.spoken_exchanges.bybit import SpokenBybit
from tests.spoken_exchanges.exchange import MINUTE_MS, NOW_MS
from tests.spoken_exchanges.okx import SpokenOkx
from tests.waiting import eventually


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
