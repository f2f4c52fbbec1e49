"""The 14 indicators on real candles: warm-up, truncation, tiny prices, nothing that moves."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from market.candles.indicators import (
    ATR_RATIO,
    CANDLES_NEEDED,
    INDICATOR_NAMES,
    WARM_UP,
    atr_14,
    indicators,
)
from market.candles.series import CandleSeries, Floats
from tests.recordings import candle_file

COUNT = len(INDICATOR_NAMES)
NAMED = dict(enumerate(INDICATOR_NAMES))


def real(symbol: str, timeframe: str = "1h") -> CandleSeries:
    frame = pl.read_ipc(candle_file(symbol, timeframe).read_bytes())
    opens = frame["date"].dt.epoch("ms").to_numpy()
    columns = (frame[name].to_numpy() for name in ("open", "high", "low", "close"))
    open_, high, low, close = columns
    nothing = np.zeros(len(frame), np.bool_)
    return CandleSeries(opens, open_, high, low, close, frame["volume"].to_numpy(), nothing)


def flat(count: int = 250, price: float = 2.0, volume: float = 0.0) -> CandleSeries:
    prices = np.full(count, price)
    opens = np.arange(count, dtype=np.int64) * 3_600_000
    volumes, nothing = np.full(count, volume), np.zeros(count, np.bool_)
    return CandleSeries(opens, prices, prices, prices, prices, volumes, nothing)


def column(values: Floats, name: str) -> Floats:
    return values[:, INDICATOR_NAMES.index(name)]


def test_indicators_are_fourteen_of_different_names() -> None:
    assert COUNT == len(set(INDICATOR_NAMES)) == 14
    assert indicators(real("BTC")).shape[1] == 14
    assert indicators(CandleSeries.empty()).shape == (0, 14)


@pytest.mark.parametrize("index", range(COUNT), ids=INDICATOR_NAMES)
def test_indicator_is_finite_after_its_warm_up(index: int) -> None:
    values = indicators(real("ETH")[:400])[:, index]

    assert np.isfinite(values[WARM_UP - 1 :]).all()


@pytest.mark.parametrize("timeframe", ["15m", "1h", "4h", "1d"])
@pytest.mark.parametrize("symbol", ["BTC", "PEPE", "FTM"])
def test_indicators_with_more_history_differ_by_less_than_their_noise(
    symbol: str, timeframe: str
) -> None:
    candles = real(symbol, timeframe)
    whole = indicators(candles)
    sigma = np.nanstd(whole, axis=0)
    for end in np.linspace(CANDLES_NEEDED, len(candles), 40).astype(int):
        warm = indicators(candles[end - CANDLES_NEEDED : end])[WARM_UP - 1 :]
        known = whole[end - CANDLES_NEEDED : end][WARM_UP - 1 :]
        apart = np.nanmax(np.abs(warm - known), axis=0) / sigma
        assert apart.max() < 5e-3, NAMED[int(apart.argmax())]


@pytest.mark.parametrize("symbol", ["BTC", "SHIB"])
def test_indicators_of_the_past_are_not_changed_by_what_comes_later(symbol: str) -> None:
    candles = real(symbol)[:600]
    whole = indicators(candles)
    for end in (150, 210, 333, 599):
        np.testing.assert_allclose(
            indicators(candles[:end]), whole[:end], rtol=1e-9, atol=1e-9, equal_nan=True
        )


def test_indicators_need_no_candle_of_the_future_even_where_it_is_absurd() -> None:
    candles = real("BTC")[:300]
    spoilt = replace(
        candles,
        **{name: getattr(candles, name).copy() for name in ("high", "low", "close", "volume")},
    )
    for name in ("high", "low", "close", "volume"):
        getattr(spoilt, name)[250:] *= 1_000.0

    np.testing.assert_allclose(
        indicators(spoilt)[:250], indicators(candles)[:250], rtol=1e-6, atol=1e-9, equal_nan=True
    )


@pytest.mark.parametrize("symbol", ["PEPE", "SHIB", "1000SATS", "BONK", "FLOKI"])
def test_coins_of_tiny_prices_have_bands_and_flows(symbol: str) -> None:
    values = indicators(real(symbol))[WARM_UP:]

    for name in ("bollinger_width", "bollinger_b", "mfi_14", "macd_histogram_atr"):
        assert column(values, name).std() > 0, name
    assert (column(values, "bollinger_width") > 0).mean() > 0.99
    assert ((column(values, "bollinger_b") > -1) & (column(values, "bollinger_b") < 2)).all()


@pytest.mark.parametrize("factor", [1e-7, 3.7, 1e6])
def test_indicators_do_not_depend_on_the_unit_of_price_or_volume(factor: float) -> None:
    candles = real("SOL")[:400]
    prices = {name: getattr(candles, name) * factor for name in ("open", "high", "low", "close")}
    scaled = replace(candles, volume=candles.volume / factor, **prices)

    np.testing.assert_allclose(
        indicators(scaled), indicators(candles), rtol=1e-6, atol=1e-6, equal_nan=True
    )


def test_indicators_lie_in_their_ranges_on_real_candles() -> None:
    values = indicators(real("DOGE"))[WARM_UP:]

    for name in ("rsi_14", "adx_14", "stochastic_k", "mfi_14"):
        assert column(values, name).min() >= -1e-9 and column(values, name).max() <= 100 + 1e-9
    assert column(values, "atr_14_ratio").min() > 0
    assert np.abs(column(values, "return_z_96")).max() < 30


@pytest.mark.parametrize("volume", [0.0, 5.0])
def test_candles_that_never_move_give_finite_values(volume: float) -> None:
    values = indicators(flat(volume=volume))[WARM_UP:]

    assert np.isfinite(values).all()
    for name in ("macd_histogram_atr", "ema_12_atr", "sma_100_atr", "return_z_96"):
        assert (column(values, name) == 0).all(), name
    assert (column(values, "bollinger_b") == 0.5).all()
    assert np.abs(column(values, "log_volume_96")).max() < 1e-12


def test_candles_without_volume_among_others_give_finite_values() -> None:
    candles = real("BTC")[:300]
    volume = candles.volume.copy()
    volume[180:230] = 0.0
    values = indicators(replace(candles, volume=volume))[WARM_UP:]

    assert np.isfinite(values).all()
    assert column(values, "log_volume_96")[60] < -3


def test_atr_is_in_the_coins_own_price() -> None:
    candles = real("PEPE")
    values = indicators(candles)

    ranges = (candles.high - candles.low)[200:]
    assert 0.5 < np.median(atr_14(candles, values)[200:] / np.median(ranges)) < 2
    np.testing.assert_array_equal(
        atr_14(candles, values)[200:], (values[:, ATR_RATIO] * candles.close)[200:]
    )
