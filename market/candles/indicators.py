"""The 14 candle indicators: one definition for training and serving.

TA-Lib computes them on closed candles; each is scale-free, so that one network reads every
coin. Read by the inference service and by training's datasets.
"""

import numpy as np
import numpy.typing as npt
import talib

from market.candles.series import CandleSeries, Floats
from market.candles.vector import INDICATOR_COUNT as INDICATOR_COUNT
from market.candles.vector import INDICATOR_NAMES as INDICATOR_NAMES
from market.candles.vector import WINDOW as WINDOW

ATR_RATIO = INDICATOR_NAMES.index("atr_14_ratio")

WARM_UP = 150
"""Candles before the first row that may be used. More history changes no indicator by more than
5e-3 of its own σ; ADX, a smoothing of a smoothing, is the slowest."""

CANDLES_NEEDED = WARM_UP + WINDOW

_LONG = 96
_LEAST_VOLUME_SHARE = 1e-4
"""A candle without trades counts as this share of the mean volume: its logarithm must exist."""


def indicators(candles: CandleSeries) -> Floats:
    """Return the indicators [n, 14], a row a candle; NaN where there is too little history.

    Row k uses candles ≤ k alone. RSI, ADX, stochastic and MFI are 0..100; distances are in
    ATR; `atr_14_ratio` is ATR ÷ close. Where nothing moves (ATR, width or σ of 0) distances
    and returns are 0 and %b is 0.5.
    """
    if not len(candles):
        return np.empty((0, INDICATOR_COUNT))
    # TA-Lib calls anything below 1e-14 zero, a money flow below 1 too: a coin of 1e-5 USDT
    # would have no Bollinger bands. Powers of two change no bit of a mantissa.
    price_scale = _power_of_two(candles.close[-1])
    volume_scale = _power_of_two(float(candles.volume.mean())) * 2.0**20
    high, low = candles.high * price_scale, candles.low * price_scale
    close, volume = candles.close * price_scale, candles.volume * volume_scale
    atr = talib.ATR(high, low, close, 14)
    line, _, histogram = talib.MACD(close, 12, 26, 9)
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    stochastic, _ = talib.STOCH(high, low, close, fastk_period=14, slowk_period=3, slowd_period=3)
    columns = (
        talib.RSI(close, 14),
        _ratio(histogram, atr),
        _ratio(line, atr),
        atr / close,
        _ratio(close - talib.EMA(close, 12), atr),
        _ratio(close - talib.EMA(close, 26), atr),
        _ratio(close - talib.SMA(close, 100), atr),
        _ratio(close - lower, upper - lower, still=0.5),
        (upper - lower) / middle,
        talib.ADX(high, low, close, 14),
        stochastic,
        talib.MFI(high, low, close, volume, 14),
        # From what was stored: a logarithm is not exact under any scaling, and the scales are of
        # the newest candles.
        _return_z(candles.close),
        _log_volume(candles.volume),
    )
    return np.column_stack(columns)


def atr_14(candles: CandleSeries, values: Floats) -> Floats:
    """Return ATR 14 [n] in quote currency from `indicators(candles)`."""
    atr: Floats = values[:, ATR_RATIO] * candles.close
    return atr


def _power_of_two(value: float) -> float:
    return 2.0 ** -np.floor(np.log2(value)) if value > 0 and np.isfinite(value) else 1.0


def _ratio(above: Floats, below: Floats, still: float = 0.0) -> Floats:
    ratio = np.full(len(above), still)
    np.divide(above, below, out=ratio, where=below > 0)
    ratio[np.isnan(above) | np.isnan(below)] = np.nan
    return ratio


def _rolling(values: Floats) -> npt.NDArray[np.float64]:
    return np.lib.stride_tricks.sliding_window_view(values, _LONG)


def _return_z(close: Floats) -> Floats:
    returns = np.diff(np.log(close))
    score = np.full(len(close), np.nan)
    if len(returns) >= _LONG:
        score[_LONG:] = _ratio(returns[_LONG - 1 :], _rolling(returns).std(axis=1))
    return score


def _log_volume(volume: Floats) -> Floats:
    level = np.full(len(volume), np.nan)
    if len(volume) < _LONG:
        return level
    windows = _rolling(volume)
    means = windows.mean(axis=1)
    # Each window by its own floor, so that no later candle changes an earlier row.
    floors = np.where(means > 0, means, 1.0)[:, None] * _LEAST_VOLUME_SHARE
    logs = np.log(np.maximum(windows, floors))
    level[_LONG - 1 :] = logs[:, -1] - logs.mean(axis=1)
    return level
