"""Coinbase as unmodified ccxt understands its documented messages."""

import time

from market.candles.timeframes import Timeframe
from market.listings import SymbolStatus
from tests.integration.unified_listening import coinbase, linked, top_of, units
from tests.spoken_exchanges.coinbase import SpokenCoinbase
from tests.spoken_exchanges.exchange import NOW_MS
from tests.waiting import eventually


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
