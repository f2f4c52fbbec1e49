"""What a candle must be before it is stored, and under which word it is refused.

Read by the store (every writer passes it) and by the import, which counts bad rows by reason.
"""

from enum import StrEnum

import numpy as np

from market.candles.series import CandleSeries, Flags
from market.candles.timeframes import Timeframe


class RowFault(StrEnum):
    """Why a row is no candle. The order is that of the checks: the first that holds counts."""

    TIME_UNREADABLE = "time_unreadable"
    NOT_FINITE = "not_finite"
    PRICE_NOT_POSITIVE = "price_not_positive"
    HIGH_TOO_LOW = "high_too_low"
    LOW_TOO_HIGH = "low_too_high"
    NEGATIVE_VOLUME = "negative_volume"
    OFF_GRID = "off_grid"
    NOT_CLOSED = "not_closed"
    DUPLICATE_TIME = "duplicate_time"
    LAST_ROW = "last_row"


ROW_FAULT_TEXTS: dict[RowFault, str] = {
    RowFault.TIME_UNREADABLE: "the time cannot be read",
    RowFault.NOT_FINITE: "a price or the volume is no finite number",
    RowFault.PRICE_NOT_POSITIVE: "a price is zero or negative",
    RowFault.HIGH_TOO_LOW: "the high is below open, close or low",
    RowFault.LOW_TOO_HIGH: "the low is above open or close",
    RowFault.NEGATIVE_VOLUME: "the volume is negative",
    RowFault.OFF_GRID: "the time is not one at which a candle of the timeframe opens",
    RowFault.NOT_CLOSED: "the candle has not closed yet",
    RowFault.DUPLICATE_TIME: "an earlier row has the same time",
    RowFault.LAST_ROW: "the newest row; its candle may not have closed when it was written",
}


def row_faults(
    candles: CandleSeries, timeframe: Timeframe, closed_by_ms: float
) -> dict[RowFault, Flags]:
    """Return a mask [n] for each fault that occurs; no row is in two of them.

    Times need not rise here; whether a time is repeated is for the caller to see.
    """
    prices = np.column_stack([candles.open, candles.high, candles.low, candles.close])
    body_high = np.maximum(candles.open, candles.close)
    body_low = np.minimum(candles.open, candles.close)
    with np.errstate(invalid="ignore"):
        checks = {
            RowFault.NOT_FINITE: ~(np.isfinite(prices).all(axis=1) & np.isfinite(candles.volume)),
            RowFault.PRICE_NOT_POSITIVE: (prices <= 0).any(axis=1),
            RowFault.HIGH_TOO_LOW: (candles.high < body_high) | (candles.high < candles.low),
            RowFault.LOW_TOO_HIGH: candles.low > body_low,
            RowFault.NEGATIVE_VOLUME: candles.volume < 0,
            RowFault.OFF_GRID: candles.open_ms % timeframe.ms != 0,
            RowFault.NOT_CLOSED: candles.open_ms > closed_by_ms - timeframe.ms,
        }
    found: dict[RowFault, Flags] = {}
    seen = np.zeros(len(candles), np.bool_)
    for fault, mask in checks.items():
        first = mask & ~seen
        if first.any():
            found[fault] = first
            seen |= first
    return found
