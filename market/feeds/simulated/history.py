"""What a simulated coin did before anybody watched: candles as a function of seed and time.

The base is minutes, whose opens and closes lie on the fundamental value; longer candles are
aggregated from them, so that all timeframes agree. Asked again, it tells the same.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from market.candles.series import CandleSeries, Floats
from market.candles.timeframes import Timeframe
from market.feeds.simulated.flow import MARKET_NOTIONAL, MARKET_ORDERS, MARKET_SPREAD
from market.feeds.simulated.fundamental import (
    DAY_MS,
    MINUTE_MS,
    MINUTES_A_DAY,
    day_path,
)
from market.feeds.simulated.instruments import Instrument, instrument

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)
FIELDS = 5

Minutes = npt.NDArray[np.float64]
"""[minutes, 5]: open, high, low, close in quote, volume in base currency."""

_VOLUME_ON_VOLATILITY = 1.5
_VOLUME_ON_MOVE = 0.35
_VOLUME_NOISE = 0.5

_DAYS_HELD = 128


@lru_cache(maxsize=_DAYS_HELD)
def minutes_of(seed: int, symbol: str, day: int) -> Minutes:
    """Return the 1,440 minutes of a day since the epoch. The caller changes nothing in it."""
    traded = instrument(symbol)
    path = day_path((seed, traded.key), traded.volatility_bp, day)
    before, after = path.nodes[:-1], path.nodes[1:]
    # A random walk's highest and lowest between two known points.
    reach = np.log(1 - path.rng.random((2, MINUTES_A_DAY))) * -2 * path.variances
    middle, half = (before + after) / 2, np.sqrt((after - before) ** 2 + reach) / 2
    logs = np.column_stack((before, middle + half[0], middle - half[1], after))
    minutes = np.empty((MINUTES_A_DAY, FIELDS))
    minutes[:, :VOLUME] = _on_ticks(traded, np.exp(logs))
    move = np.abs(after - before) / np.sqrt(path.variances)
    logs_volume = (
        _VOLUME_ON_VOLATILITY * np.log(path.relative_volatility)
        + _VOLUME_ON_MOVE * (move - 0.8)
        + _VOLUME_NOISE * path.rng.standard_normal(MINUTES_A_DAY)
        - _VOLUME_NOISE**2 / 2
    )
    minutes[:, VOLUME] = _on_lots(traded, np.exp(logs_volume) / minutes[:, CLOSE])
    minutes.flags.writeable = False
    return minutes


def aggregated(
    days: Callable[[int], Minutes], timeframe: Timeframe, since_ms: int, until_ms: int
) -> CandleSeries:
    """Return the candles that open at or after `since_ms` and close by `until_ms`.

    days: gives the minutes of a day since the epoch.
    """
    step = timeframe.ms
    first_ms, end_ms = -(-since_ms // step) * step, until_ms // step * step
    if first_ms >= end_ms:
        return CandleSeries.empty()
    parts = []
    for day in range(first_ms // DAY_MS, -(-end_ms // DAY_MS)):
        start = max(0, first_ms - day * DAY_MS) // MINUTE_MS
        stop = min(DAY_MS, end_ms - day * DAY_MS) // MINUTE_MS
        parts.append(_folded(days(day)[start:stop], step // MINUTE_MS))
    rows = np.concatenate(parts)
    opens = np.arange(first_ms, end_ms, step, dtype=np.int64)
    opened, high, low, close, volume = rows.T
    confirmed = np.zeros(len(rows), np.bool_)
    return CandleSeries(opens, opened, high, low, close, volume, confirmed)


def _folded(minutes: Minutes, count: int) -> Minutes:
    groups = minutes.reshape(-1, count, FIELDS)
    return np.column_stack(
        (
            groups[:, 0, OPEN],
            groups[:, :, HIGH].max(axis=1),
            groups[:, :, LOW].min(axis=1),
            groups[:, -1, CLOSE],
            groups[:, :, VOLUME].sum(axis=1),
        )
    )


def _on_ticks(traded: Instrument, ratios: Floats) -> Floats:
    # Coins of 1e-5 have a coarse tick for a book; their candles are as fine as anybody's.
    tick = min(traded.tick / 1e8, 10.0 ** math.floor(math.log10(traded.price * 1e-4)))
    digits = max(0, round(-math.log10(tick)))
    prices: Floats = np.round(np.maximum(np.round(traded.price * ratios / tick), 1) * tick, digits)
    return prices


def _on_lots(traded: Instrument, share: Floats) -> Floats:
    orders_a_minute = 2 * MARKET_ORDERS.mean_rate * traded.activity * MINUTE_MS / 1e3
    notional = orders_a_minute * MARKET_NOTIONAL * math.exp(MARKET_SPREAD**2 / 2)
    lot = traded.lot / 1e8
    volumes: Floats = np.round(np.round(notional * share / lot) * lot, 8)
    return volumes
