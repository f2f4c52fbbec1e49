"""The candle desk's waiting room: clocks that run ahead, trades that are added up too soon."""

import numpy as np

from market.candles.arriving import AHEAD_MS, TOLD_PATIENCE_MS, Arrivals
from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe
from market.candles.writing import Delivery

OPEN = 1_788_001_200_000
CLOSE = OPEN + Timeframe.M15.ms


def arriving(now_ms: int, *, symbol: str = "BTCUSDT", provisional: bool = False) -> Delivery:
    one = np.array([10.0])
    candle = CandleSeries(np.array([OPEN]), one, one, one, one, one, np.array([provisional]))
    return Delivery(symbol, Timeframe.M15, candle, now_ms)


def due(arrivals: Arrivals, now_ms: int) -> list[tuple[str, bool, float]]:
    return [
        (each.symbol, bool(each.candles.provisional[0]), each.now_ms)
        for each in arrivals.due(now_ms)
    ]


def test_candle_told_after_its_close_is_due_at_once():
    arrivals = Arrivals()
    arrivals.tell(arriving(CLOSE + 40))

    assert due(arrivals, CLOSE + 40) == [("BTCUSDT", False, CLOSE + 40)]
    assert due(arrivals, CLOSE + 90) == []


def test_candle_that_the_exchange_closes_before_our_clock_waits_for_our_close():
    arrivals = Arrivals()
    arrivals.tell(arriving(CLOSE - 1_500))

    assert due(arrivals, CLOSE - 1) == []
    assert due(arrivals, CLOSE) == [("BTCUSDT", False, CLOSE)]


def test_candle_far_from_its_close_is_handed_on_to_be_refused():
    arrivals = Arrivals()
    arrivals.tell(arriving(CLOSE - AHEAD_MS - 1))

    assert len(due(arrivals, CLOSE - AHEAD_MS - 1)) == 1


def test_rolled_up_candle_is_due_at_once_where_the_exchange_tells_none():
    arrivals = Arrivals()
    arrivals.roll_up(arriving(CLOSE + 1_000, provisional=True))

    assert due(arrivals, CLOSE + 1_000) == [("BTCUSDT", True, CLOSE + 1_000)]


def test_rolled_up_candle_waits_for_the_exchanges_where_that_tells_them():
    arrivals = Arrivals()
    arrivals.tell(arriving(CLOSE + 40))
    list(arrivals.due(CLOSE + 40))
    for symbol in ("BTCUSDT", "ETHUSDT"):
        arrivals.roll_up(arriving(CLOSE + 1_000, symbol=symbol, provisional=True))

    assert [symbol for symbol, _, _ in due(arrivals, CLOSE + 1_000)] == ["ETHUSDT"]
    assert due(arrivals, CLOSE + TOLD_PATIENCE_MS - 1) == []
    assert [symbol for symbol, _, _ in due(arrivals, CLOSE + TOLD_PATIENCE_MS)] == ["BTCUSDT"]
