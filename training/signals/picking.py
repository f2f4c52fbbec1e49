"""What a baseline sees of a window: some rows of it, as one flat vector.

Read by the baselines' fits (NumPy) and by their ONNX graphs, which pick the same numbers.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market.candles.indicators import ATR_RATIO, INDICATOR_COUNT, INDICATOR_NAMES, WINDOW
from market.candles.series import Floats, Integers
from training.signals.datasets import SignalDataset

LAGS = (0, 1, 2, 4, 8, 16, 32)
"""Candles back from the decision."""
LOG_VOLUME = INDICATOR_NAMES.index("log_volume_96")
LEAST_ATR_RATIO = 1e-6
"""A coin that does not move at all counts as moving this much: its logarithm must exist."""

Picked = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Column:
    """One number of a window: an indicator so many candles back, or its logarithm."""

    lag: int
    indicator: int
    log: bool = False


VOLATILITY_COLUMNS = (Column(0, ATR_RATIO, log=True), Column(0, LOG_VOLUME))
LINEAR_COLUMNS = tuple(
    Column(lag, indicator, log=indicator == ATR_RATIO)
    for lag in LAGS
    for indicator in range(INDICATOR_COUNT)
)


def pick_rows(dataset: SignalDataset, rows: Integers) -> Picked:
    """Return the lagged rows and the symbol's index, float32 [k, 7·14 + 1]."""
    ends = dataset.end_row[rows]
    lagged = dataset.indicators[ends[:, None] - np.array(LAGS)].reshape(len(ends), -1)
    symbol = dataset.symbol[rows].astype(np.float32)[:, None]
    return np.concatenate([lagged, symbol], axis=1)


def pick_columns(dataset: SignalDataset, rows: Integers, columns: tuple[Column, ...]) -> Floats:
    """Return some columns, float64 [k, len(columns)]."""
    ends = dataset.end_row[rows]
    lags = np.array([column.lag for column in columns])
    names = np.array([column.indicator for column in columns])
    picked: Floats = dataset.indicators[ends[:, None] - lags, names].astype(np.float64)
    logs = np.array([column.log for column in columns])
    picked[:, logs] = np.log(np.maximum(picked[:, logs], LEAST_ATR_RATIO))
    return picked


def window_place(lag: int) -> int:
    """Return where in a window the row `lag` candles back lies."""
    return WINDOW - 1 - lag
