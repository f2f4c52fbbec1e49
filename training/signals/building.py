"""Which candles a dataset is built from, by the settings; read by the training commands."""

from pathlib import Path

from django.conf import settings

from market.candles.timeframes import Timeframe
from training.recordings import TrainingDataError
from training.signals.candles import CandleSource, FeatherFolders, StoredCandles, read_daily_zip
from training.signals.datasets import SignalDataset, build

DAILY_SYMBOL = "BTCUSDT"
"""The coin that further daily candles (in USD) are taken for."""


def ordered_dataset(
    timeframe: Timeframe, candles: Path | None = None, daily: Path | None = None
) -> SignalDataset:
    """Build the dataset of a timeframe for SIGNAL_SYMBOLS.

    candles: feather folders, None for the candle store. daily: a zip of further daily candles.
    Raises TrainingDataError naming the file, or what is missing.
    """
    if daily is not None and timeframe is not Timeframe.D1:
        raise TrainingDataError(f"--daily holds candles of 1d; they cannot teach {timeframe}")
    if candles is not None and not (candles / timeframe).is_dir():
        raise TrainingDataError(f"{candles / timeframe} is not a folder of {timeframe} candles")
    source: CandleSource = (
        StoredCandles(settings.CANDLES_DIR, settings.CANDLE_EXCHANGE)
        if candles is None
        else FeatherFolders(candles)
    )
    more = [] if daily is None else [(DAILY_SYMBOL, read_daily_zip(daily))]
    return build(source, settings.SIGNAL_SYMBOLS, timeframe, more)


def dataset_path(timeframe: Timeframe, folder: Path) -> Path:
    """Return where the dataset of a timeframe lies."""
    return folder / f"signals-{timeframe}.npz"
