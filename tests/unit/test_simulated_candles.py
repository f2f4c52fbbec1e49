"""Candles of the simulated market: one truth in every timeframe, told again after a restart."""

import itertools
from functools import partial

import numpy as np
import pytest

from market.candles.sanity import row_faults
from market.candles.series import CandleSeries
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.events import CandleClosed, Trade
from market.feeds.simulated import SimulatedFeed
from market.feeds.simulated.fundamental import FundamentalValue, day_path
from market.feeds.simulated.history import aggregated, minutes_of
from market.feeds.simulated.instruments import instrument
from market.symbols import DEFAULT_SIGNAL_SYMBOLS

HOUR = Timeframe.H1.ms
NOON = Timeframe.D1.open_of(1_788_000_000_000) + 12 * HOUR
FIELDS = ("open", "high", "low", "close", "volume")


def history(symbol: str, timeframe: Timeframe, count: int, until_ms: int = NOON) -> CandleSeries:
    minutes = partial(minutes_of, 1, symbol)
    return aggregated(minutes, timeframe, until_ms - count * timeframe.ms, until_ms)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "PEPEUSDT", "UNKNOWNUSDT"])
def test_history_of_every_timeframe_is_made_of_the_same_minutes(symbol: str) -> None:
    minutes = history(symbol, Timeframe.M1, 2 * 1_440, NOON)
    for timeframe in SIGNAL_TIMEFRAMES:
        for candle_ms in history(symbol, timeframe, 1).open_ms:
            inside = minutes[(minutes.open_ms >= candle_ms)]
            inside = inside[inside.open_ms < candle_ms + timeframe.ms]
            whole = history(symbol, timeframe, 1)
            assert whole.open[-1] == inside.open[0] and whole.close[-1] == inside.close[-1]
            assert whole.high[-1] == inside.high.max() and whole.low[-1] == inside.low.min()
            assert whole.volume[-1] == pytest.approx(inside.volume.sum())


def test_history_is_the_same_however_it_is_asked() -> None:
    whole = history("ETHUSDT", Timeframe.H1, 100)
    part = history("ETHUSDT", Timeframe.H1, 30, NOON - 20 * HOUR)

    for name in FIELDS:
        assert np.array_equal(getattr(whole, name)[50:80], getattr(part, name))


@pytest.mark.parametrize("symbol", DEFAULT_SIGNAL_SYMBOLS)
def test_history_of_every_coin_is_sound_and_moves(symbol: str) -> None:
    candles = history(symbol, Timeframe.M15, 300)

    assert row_faults(candles, Timeframe.M15, NOON) == {}
    assert (np.diff(candles.open_ms) == Timeframe.M15.ms).all()
    assert 0.2 < candles.close[-1] / instrument(symbol).price < 5
    returns = np.diff(np.log(candles.close))
    assert 0.0005 < returns.std() < 0.02
    assert np.mean(returns == 0) < 0.1


def test_history_volatility_clusters_and_volume_goes_with_it() -> None:
    candles = history("BTCUSDT", Timeframe.M15, 20_000)
    size = np.abs(np.diff(np.log(candles.close)))

    assert np.corrcoef(size[1:], size[:-1])[0, 1] > 0.05
    assert np.corrcoef(size, np.log(candles.volume[1:]))[0, 1] > 0.15


def test_history_ends_only_with_closed_candles() -> None:
    minutes = partial(minutes_of, 1, "BTCUSDT")

    candles = aggregated(minutes, Timeframe.H1, NOON - 3 * HOUR + 1, NOON + HOUR - 1)

    assert candles.open_ms.tolist() == [NOON - 2 * HOUR, NOON - HOUR]
    assert len(aggregated(minutes, Timeframe.H1, NOON, NOON + HOUR - 1)) == 0


def test_minutes_open_and_close_on_the_value_that_the_book_follows() -> None:
    traded = instrument("BTCUSDT")
    value = FundamentalValue((1, traded.key), traded.volatility_bp)
    day = NOON // Timeframe.D1.ms

    nodes = day_path((1, traded.key), traded.volatility_bp, day).nodes

    for minute in (0, 1, 59, 60, 719, 720, 1_439):
        at = value.at(day * Timeframe.D1.ms + minute * 60_000)
        assert at == pytest.approx(nodes[minute], abs=1e-9)
        assert minutes_of(1, "BTCUSDT", day)[minute, 0] == pytest.approx(
            traded.price * np.exp(at), rel=1e-5
        )


def run(feed: SimulatedFeed, until_ms: int) -> tuple[list[CandleClosed], list[Trade]]:
    told: list[CandleClosed] = []
    trades: list[Trade] = []
    for batch in itertools.takewhile(lambda each: each.until_ms <= until_ms, feed.batches()):
        told += batch.candles
        trades += [event for event in batch.events if isinstance(event, Trade)]
    return told, trades


def test_feed_tells_each_closed_candle_once_at_its_close() -> None:
    feed = SimulatedFeed(
        ("BTCUSDT",), 1, NOON - 100_000, preroll_ms=0, candle_symbols=("BTCUSDT", "SOLUSDT")
    )

    told, _ = run(feed, NOON + 70_000)

    assert all(0 < each.recv_ns / 1e6 - (each.exchange_ms or 0) <= 130 for each in told)
    names = [(each.symbol, each.timeframe, (each.open_ms - NOON) // 60_000) for each in told]
    assert len(set(names)) == len(names)
    assert [name for name in names if name[1] == "1m"] == [
        ("BTCUSDT", "1m", -2),
        ("BTCUSDT", "1m", -1),
        ("BTCUSDT", "1m", 0),
    ]
    for symbol in ("BTCUSDT", "SOLUSDT"):
        assert {name[1] for name in names if name[0] == symbol} - {"1m"} == {
            "5m",
            "15m",
            "1h",
            "4h",
        }


def test_feed_candle_of_a_book_is_made_of_its_trades_and_joins_its_history() -> None:
    feed = SimulatedFeed(("BTCUSDT",), 1, NOON - 200_000, preroll_ms=0)

    told, trades = run(feed, NOON + 1_000)

    minute = next(each for each in told if each.timeframe == "1m" and each.open_ms == NOON - 60_000)
    inside = [each for each in trades if minute.open_ms <= (each.exchange_ms or 0) < NOON]
    sizes = sum(each.size for each in inside)
    assert minute.volume == sizes / 1e8
    assert minute.high == max(each.price for each in inside) / 1e8
    candles = feed.candles("BTCUSDT", Timeframe.M1, NOON - 10 * 60_000)
    assert candles is not None and candles.open_ms[-1] == NOON - 60_000
    assert candles.close[-1] == minute.close
    jumps = np.abs(np.log(candles.open[1:] / candles.close[:-1])) * 1e4
    assert jumps.max() < 5


def test_feed_started_again_tells_the_same_of_coins_without_a_book() -> None:
    first, later = (
        SimulatedFeed(("BTCUSDT",), 1, at, preroll_ms=0, candle_symbols=("SOLUSDT",))
        for at in (NOON - 5_000, NOON + 3 * HOUR)
    )
    told, _ = run(first, NOON + 1_000)

    again = later.candles("SOLUSDT", Timeframe.H1, NOON - HOUR)

    assert again is not None and len(again) == 3
    hour = next(each for each in told if each.symbol == "SOLUSDT" and each.timeframe == "1h")
    assert [getattr(again, name)[0] for name in FIELDS] == [getattr(hour, name) for name in FIELDS]


def test_feed_has_no_candles_of_others() -> None:
    feed = SimulatedFeed(("BTCUSDT",), 1, NOON)

    assert feed.candles("SOLUSDT", Timeframe.H1, NOON - HOUR) is None
