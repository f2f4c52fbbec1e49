"""Candles asked of ccxt's exchanges: pages, spans, lengths that an exchange has not."""

import asyncio
import threading
from typing import Any

import numpy as np
import pytest

from market.candles.series import CandleSeries
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.feeds import FeedError
from market.feeds.live.klines import (
    LATE_PART_MS,
    ask_candles,
    candle_page,
    candle_subscriptions,
    candles_since,
    fetch_candles,
    series_of,
)
from market.feeds.live.link import LinkError, Stream
from tests.candle_bars import merged, series
from tests.made_candles import START_MS

HOUR = Timeframe.H1


class Ohlcv:
    """As much of ccxt's exchange as is asked, with hourly candles from START_MS on."""

    features = {"spot": {"fetchOHLCV": {"limit": 300}}}

    def __init__(self, name: str = "coinbase", timeframes: tuple[str, ...] = ("1h", "1d")) -> None:
        self.id, self.timeframes = name, dict.fromkeys(timeframes)
        self.asked: list[tuple[str, int, int, dict[str, Any]]] = []
        self.missing: set[int] = set()

    async def fetch_ohlcv(self, symbol, timeframe, since, limit, params):
        self.asked.append((timeframe, since, limit, params))
        step = Timeframe(timeframe).ms
        rows = [bar(since + n * step) for n in range(limit)]
        return [row for row in rows if row[0] not in self.missing]


def bar(open_ms: int) -> list[float]:
    price = 100.0 + (open_ms - START_MS) / HOUR.ms
    return [open_ms, price, price + 3, price - 2, price + 1, 10.0]


async def test_candles_that_have_not_closed_are_left_out():
    now_ms = START_MS + 5 * HOUR.ms + 1
    found = await fetch_candles(Ohlcv(), "BTC/USD", HOUR, START_MS, 300, now_ms)
    assert found.open_ms.tolist() == [START_MS + n * HOUR.ms for n in range(5)]
    assert not found.provisional.any()


async def test_length_that_the_exchange_has_not_is_made_of_shorter_ones():
    exchange = Ohlcv()
    now_ms = START_MS + 11 * HOUR.ms
    found = await fetch_candles(exchange, "BTC/USD", Timeframe.H4, START_MS, 300, now_ms)

    hours = [tuple(bar(START_MS + n * HOUR.ms)[1:5]) for n in range(8)]
    expected = series(merged(hours, 4), Timeframe.H4.ms, START_MS)
    assert (found.open_ms == expected.open_ms).all()
    for name in ("open", "high", "low", "close"):
        assert (getattr(found, name) == getattr(expected, name)).all(), name
    assert found.volume.tolist() == [40.0, 40.0]
    assert candle_page(exchange, Timeframe.H4) == 75
    assert exchange.asked[0][:3] == ("1h", START_MS, 300)


async def test_longer_candle_of_which_an_hour_saw_no_trade_is_made_of_the_rest():
    exchange = Ohlcv()
    exchange.missing = {START_MS, START_MS + HOUR.ms}
    now_ms = START_MS + 4 * HOUR.ms

    found = await fetch_candles(exchange, "BTC/USD", Timeframe.H4, START_MS, 10, now_ms)

    assert (found.open_ms.tolist(), found.open.tolist()) == ([START_MS], [102.0])


@pytest.mark.parametrize(("late_ms", "found"), [(10_000, 0), (LATE_PART_MS, 1)])
async def test_longer_candle_waits_for_its_last_hour_to_be_told(late_ms, found):
    exchange = Ohlcv()
    exchange.missing = {START_MS + n * HOUR.ms for n in range(3, 40)}
    now_ms = START_MS + 4 * HOUR.ms + late_ms

    candles = await fetch_candles(exchange, "BTC/USD", Timeframe.H4, START_MS, 10, now_ms)

    assert len(candles) == found


async def test_only_exchanges_that_tell_the_next_are_asked_without_an_end():
    for name, expected in (("binance", {}), ("okx", {"until": START_MS + 10 * HOUR.ms - 1})):
        exchange = Ohlcv(name)
        await fetch_candles(exchange, "BTC/USDT", HOUR, START_MS, 10, START_MS)
        assert exchange.asked == [("1h", START_MS, 10, expected)]


async def test_length_that_nothing_makes_up_is_refused():
    with pytest.raises(LinkError, match="no candles of 15m"):
        await fetch_candles(Ohlcv(), "BTC/USD", Timeframe.M15, START_MS, 10, START_MS)


def test_rows_of_an_exchange_are_sorted_and_each_time_taken_once():
    found = series_of([bar(START_MS + HOUR.ms), bar(START_MS), bar(START_MS + HOUR.ms)])
    assert found.open_ms.tolist() == [START_MS, START_MS + HOUR.ms]


def test_row_with_nothing_in_it_is_no_number():
    found = series_of([[START_MS, None, 1.0, 1.0, 1.0, None]])
    assert np.isnan(found.open[0]) and np.isnan(found.volume[0])


def test_subscriptions_are_signals_timeframes_and_minutes_of_all():
    found = candle_subscriptions(("BTCUSDT", "NEXOUSDT"), ("BTCUSDT", "ETHUSDT"))

    told = {(each.symbol, each.timeframe) for each in found}
    assert told == {(symbol, Timeframe.M1) for symbol in ("BTCUSDT", "ETHUSDT", "NEXOUSDT")} | {
        (symbol, timeframe) for symbol in ("BTCUSDT", "ETHUSDT") for timeframe in SIGNAL_TIMEFRAMES
    }
    assert len(found) == len(told) and {each.stream for each in found} == {Stream.CANDLES}


class Source:
    """A link that has hourly candles, with a hole, up to its clock."""

    name = "binance"

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.error: LinkError | None = None
        self.silent = False

    def candle_page(self, timeframe: Timeframe) -> int:
        return 10

    async def candles(
        self, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> CandleSeries:
        self.asked.append((since_ms, limit))
        if self.error is not None:
            raise self.error
        if self.silent:
            await asyncio.Event().wait()
        opens = since_ms + HOUR.ms * np.arange(limit)
        kept = opens[(opens < START_MS + 5 * HOUR.ms) | (opens >= START_MS + 17 * HOUR.ms)]
        return series_of([bar(each) for each in kept.tolist()])


async def test_history_is_asked_page_by_page_across_a_hole():
    source = Source()
    now_ms = START_MS + 25 * HOUR.ms

    found = await candles_since(source, "BTCUSDT", HOUR, START_MS, now_ms)

    hours = [*range(5), *range(17, 25)]
    assert found.open_ms.tolist() == [START_MS + hour * HOUR.ms for hour in hours]
    assert [limit for _, limit in source.asked] == [10, 10, 10]


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


def ask(loop, source: Source, seconds: float = 5.0) -> CandleSeries:
    now_ms = START_MS + 3 * HOUR.ms
    return ask_candles(loop, source, "BTCUSDT", HOUR, START_MS, now_ms, seconds)


def test_asking_from_another_thread_brings_the_answer(loop):
    assert len(ask(loop, Source())) == 3


def test_refusal_is_told_with_the_time_to_wait(loop):
    source = Source()
    source.error = LinkError("429", 12.0)
    with pytest.raises(FeedError, match="429") as refused:
        ask(loop, source)
    assert refused.value.wait_seconds == 12.0


def test_silence_is_told_and_the_question_given_up(loop):
    source = Source()
    source.silent = True
    with pytest.raises(FeedError, match="BTCUSDT 1h"):
        ask(loop, source, seconds=0.05)


def test_asking_a_feed_that_was_closed_is_told(loop):
    stopped = asyncio.new_event_loop()
    stopped.close()
    with pytest.raises(FeedError, match="left"):
        ask(stopped, Source())
