"""Candles of a live market: kline streams and REST of a fake exchange into the candle store."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from market import keys
from market.candles.asking import HISTORY, PATIENCE_MS
from market.candles.desk import CandleDesk, CandlePlan
from market.candles.store import CandleStore
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.events import SCALE
from market.exchanges import SUPPORTED, venue_of
from market.feeds.live.feed import LiveFeed
from market.feeds.live.links import make_link
from market.feeds.live.markets import Markets
from market.feeds.opening import OpenedFeed
from market.listings import Listing, SymbolStatus
from tests.fake_exchanges import RunningExchange, fake_exchange
from tests.recordings import BTC_SPOT, CANDLES, recording

BTC, ETH = "BTCUSDT", "ETHUSDT"
MIDNIGHT = 1_723_161_600_000
"""2024-08-09T00:00 UTC, in the middle of the recording: a close of every timeframe."""

TOLD = (Timeframe.M1, *SIGNAL_TIMEFRAMES)


@pytest.fixture
def exchange() -> Iterator[RunningExchange]:
    with fake_exchange(
        recording(BTC_SPOT), candles=CANDLES, symbols=(BTC, ETH), lock_step=True, as_recorded=True
    ) as running:
        running.send_until((MIDNIGHT - 20_000) * 1_000_000)  # of which nobody hears
        yield running


def opened(exchange: RunningExchange, ahead_ms: int) -> OpenedFeed:
    """A live feed whose clock stands at midnight + ahead_ms now, of BTC with its book."""
    offset_ns = (MIDNIGHT + ahead_ms) * 1_000_000 - time.monotonic_ns()
    listings = {each: Listing(each, SymbolStatus.TRADING) for each in (BTC, ETH)}
    binance = SUPPORTED["binance"]
    markets = Markets(binance.name, (BTC, ETH), listings, MIDNIGHT)
    feed = LiveFeed(
        partial(make_link, binance, exchange.url),
        (BTC,),
        (BTC, ETH),
        markets,
        lambda: time.monotonic_ns() + offset_ns,
    )
    venue, live = venue_of(binance, exchange.url)
    return OpenedFeed(feed, venue, live, 1.0, True, lambda: markets.listings)


def test_candles_told_at_a_close_lie_in_the_store_and_are_announced(
    exchange, clean_redis, tmp_path
):
    market = opened(exchange, -1_000)  # the exchange closes them before our clock does
    desk = CandleDesk(market, clean_redis, CandlePlan(tmp_path, "kraken", (BTC, ETH)))
    store = CandleStore(tmp_path)

    def all_there() -> bool:
        return all(
            MIDNIGHT - timeframe.ms in store.read((market.venue,), symbol, timeframe).open_ms
            for symbol in (BTC, ETH)
            for timeframe in TOLD
        )

    streams = [f"{symbol.lower()}@kline_{each}" for symbol in (BTC, ETH) for each in TOLD]
    try:
        batches = market.feed.batches()
        desk.start(next(batches).until_ms)
        exchange.subscribed(*streams)
        exchange.send_until((MIDNIGHT - 5_000) * 1_000_000)
        exchange.send_until((MIDNIGHT + 3_000) * 1_000_000)
        for batch in batches:
            desk.take(batch)
            if all_there() or batch.until_ms > MIDNIGHT + PATIENCE_MS - 500:
                break  # what was not told by then is asked for
    finally:
        desk.close()
        market.feed.close()

    assert all_there()
    for timeframe in TOLD:
        true = exchange.call(
            lambda each, tf=timeframe: each.candles(BTC).candle(str(tf), MIDNIGHT - tf.ms)
        )
        newest = store.read((market.venue,), BTC, timeframe, count=1)
        prices = [newest.open, newest.high, newest.low, newest.close, newest.volume]
        expected = [true.open, true.high, true.low, true.close, true.volume]
        assert np.concatenate(prices) == pytest.approx(np.array(expected) / SCALE)
        assert not newest.provisional.any()
    assert announced(clean_redis) >= {(BTC, str(each), MIDNIGHT - each.ms) for each in TOLD}
    assert desk.counters["mismatched"] == desk.counters["refused"] == 0


def announced(client: Any) -> set[tuple[str, str, int]]:
    return {
        (fields["symbol"], fields["timeframe"], int(fields["open_ms"]))
        for _, fields in client.xrange(keys.candles_closed())
        if fields["provisional"] == "0"
    }


def test_history_is_asked_of_the_exchange_under_its_own_venue(exchange, clean_redis, tmp_path):
    market = opened(exchange, -10_000)
    desk = CandleDesk(market, clean_redis, CandlePlan(tmp_path, "kraken", (BTC, ETH)))
    store = CandleStore(tmp_path)

    def count(timeframe: Timeframe) -> int:
        return len(store.read((market.venue,), ETH, timeframe))

    deadline = time.monotonic() + 30
    try:
        batches = market.feed.batches()
        desk.start(next(batches).until_ms)
        for batch in batches:
            desk.take(batch)
            if count(Timeframe.D1) or time.monotonic() > deadline:
                break
    finally:
        desk.close()
        market.feed.close()

    # The files begin with the year: not so many days lie before August.
    assert count(Timeframe.D1) == 220
    assert [count(each) for each in (Timeframe.M15, Timeframe.H1, Timeframe.H4)] == [HISTORY] * 3
    assert not store.holds("kraken", (BTC, ETH), tuple(Timeframe))
