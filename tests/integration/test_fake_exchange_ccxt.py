"""ccxt's own Binance client, nothing changed but its URLs, is served by the fake exchange."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from market.events import SCALE
from tests.fake_exchanges import fake_exchange, plain_ccxt
from tests.recordings import BTC_SPOT, CANDLES, ETH_SPOT, candle_file, recording
from tests.waiting import eventually

TIMEOUT = 20


@pytest.fixture(scope="module")
def exchange():
    """BTC and ETH in lock-step, with candles of the time before."""
    candle_file("BTC", "1h")  # skips where there are none
    paths = (recording(BTC_SPOT), recording(ETH_SPOT))
    with fake_exchange(*paths, candles=CANDLES / "1h", lock_step=True) as running:
        yield running


@asynccontextmanager
async def client_of(exchange):
    client = plain_ccxt(exchange.url)
    try:
        yield client
    finally:
        await client.close()


async def sent_until(exchange, watching, frames=40):
    """Send frames until what is watched for has come."""
    task = asyncio.ensure_future(watching)
    async with asyncio.timeout(TIMEOUT):
        while not task.done():
            await asyncio.to_thread(exchange.send, frames)
            await asyncio.wait([task], timeout=0.02)
        return await task


async def test_load_markets_tells_steps_and_status(exchange):
    async with client_of(exchange) as client:
        await client.load_markets()
        btc = client.market("BTC/USDT")
        assert (btc["id"], btc["active"], btc["spot"]) == ("BTCUSDT", True, True)
        assert btc["precision"]["price"] == 0.01
        assert btc["precision"]["amount"] == 0.00001

        halted = exchange.begin(kind="halted", symbol="BTCUSDT")
        delisted = exchange.begin(kind="delisted", symbol="ETHUSDT")
        try:
            await client.load_markets(reload=True)
        finally:
            exchange.end(halted)
            exchange.end(delisted)
        assert list(client.markets) == ["BTC/USDT"]
        assert client.market("BTC/USDT")["active"] is False


async def test_fetch_time_is_the_exchanges_clock(exchange):
    async with client_of(exchange) as client:
        right = await client.fetch_time()
        skewed = exchange.begin(kind="skew", offset_ms=90_000)
        try:
            assert 90_000 <= await client.fetch_time() - right < 95_000
        finally:
            exchange.end(skewed)


async def test_fetch_order_book_is_the_true_book(exchange):
    async with client_of(exchange) as client:
        book = await client.fetch_order_book("BTC/USDT", 20)
        true = exchange.book("BTCUSDT")
        assert book["nonce"] == true.last_id
        assert book["bids"] == [[p / SCALE, s / SCALE] for p, s in true.bids[:20]]
        assert book["asks"] == [[p / SCALE, s / SCALE] for p, s in true.asks[:20]]


async def test_watch_order_book_equals_the_true_book_at_every_pause(exchange):
    compared = 0
    async with client_of(exchange) as client:
        await sent_until(exchange, client.watch_order_book("BTC/USDT"))
        for _ in range(20):
            await sent_until(exchange, client.watch_order_book("BTC/USDT"), frames=60)
            true = exchange.book("BTCUSDT")
            book = client.orderbooks["BTC/USDT"]
            await eventually(lambda b=book, t=true: b["nonce"] == t.last_id)
            best = len(true.bids), len(true.asks)
            assert book["bids"][:500] == [[p / SCALE, s / SCALE] for p, s in true.bids[:500]]
            assert book["asks"][:500] == [[p / SCALE, s / SCALE] for p, s in true.asks[:500]]
            compared += min(best) > 500
    assert compared == 20


async def test_watch_trades_and_tops_tell_what_was_recorded(exchange):
    async with client_of(exchange) as client:
        trades = await sent_until(exchange, client.watch_trades("BTC/USDT"))
        assert {trade["symbol"] for trade in trades} == {"BTC/USDT"}
        assert all(trade["price"] > 50_000 and trade["amount"] > 0 for trade in trades)
        tops = await sent_until(exchange, client.watch_bids_asks(["ETH/USDT", "BTC/USDT"]))
        for top in tops.values():
            assert 0 < top["bid"] < top["ask"]


async def test_watch_ohlcv_tells_the_candle_that_fetch_ohlcv_ends_with(exchange):
    async with client_of(exchange) as client:
        (watched,) = await sent_until(exchange, client.watch_ohlcv("BTC/USDT", "1h"))
        fetched = await client.fetch_ohlcv("BTC/USDT", "1h", limit=200)
        assert len(fetched) == 200
        assert [row[0] for row in fetched] == [
            watched[0] - 3_600_000 * n for n in range(199, -1, -1)
        ]
        opened, high, low = fetched[-1][1:4]
        assert (opened, high >= watched[2], low <= watched[3]) == (watched[1], True, True)
        assert abs(fetched[-2][4] / opened - 1) < 0.001  # the history ends where the frames begin
        since = fetched[50][0]
        assert await client.fetch_ohlcv("BTC/USDT", "1h", since, 10) == fetched[50:60]
