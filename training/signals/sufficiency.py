"""Whether candles are enough to fit, calibrate and judge on: told before anything is fitted.

Read by retraining, by the search and by `manage.py train_signals`.
"""

import numpy as np

from inference.signals.levels import HORIZON_CANDLES
from market.candles.indicators import CANDLES_NEEDED
from market.candles.timeframes import Timeframe
from predictions.accuracy.hours import HOUR_MS
from training.recordings import TooLittleDataError, TrainingDataError
from training.signals import baselines, fitting
from training.signals.baselines import FIT_STRIDE, lesson
from training.signals.datasets import SignalDataset
from training.signals.fitting import inner_split
from training.signals.options import FitOptions
from training.signals.splitting import candles_for, signal_splits
from training.sufficiency import Least, first_lack


def least_taught(timeframe: Timeframe) -> int:
    """Return how many decisions the network and the baselines ask for."""
    return max(fitting.MINIMUM_ROWS, baselines.MINIMUM_ROWS * FIT_STRIDE.get(timeframe, 1))


def require_enough(dataset: SignalDataset, options: FitOptions) -> None:
    """Raise TooLittleDataError, saying how much there is and how much is needed, in rows and hours.

    It is cheap beside a fit.
    """
    splits = signal_splits(dataset)
    lack = first_lack(splits.folds, splits.final, Least(least_taught(dataset.timeframe), 1))
    if lack:
        raise TooLittleDataError(_told(dataset, lack))
    try:
        for split in (*splits.folds, splits.final):
            rows = np.flatnonzero(split.fit)
            lesson(dataset, rows)
            inner_split(dataset, rows, options.inner_share)
    except TrainingDataError as error:
        raise TooLittleDataError(f"{dataset.source}: {error}") from error


def _told(dataset: SignalDataset, lack: str) -> str:
    timeframe, coins = dataset.timeframe, len(np.unique(dataset.symbol))
    span = int(dataset.label_end_ms.max() - dataset.decided_ms.min())
    candles = candles_for(least_taught(timeframe), coins)
    hours = candles * timeframe.ms / HOUR_MS
    return (
        f"{dataset.source}: {lack}. The {timeframe} candles make {len(dataset):,} decisions of"
        f" {coins} coins over {span / HOUR_MS:,.0f} hours: each takes {CANDLES_NEEDED} candles of"
        f" history and {HORIZON_CANDLES} after it, and the first fold learns from the earliest"
        f" third alone. About {candles:,} candles of each ({hours:,.0f} hours), without a gap,"
        " would do"
    )
