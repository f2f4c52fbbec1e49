"""Which candles a dataset is built from, by the settings; read by the training commands."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from django.conf import settings

from market.candles.timeframes import Timeframe
from training.recordings import TrainingDataError
from training.signals.candles import CandleSource, FeatherFolders, StoredCandles, read_daily_zip
from training.signals.datasets import SignalDataset, build, load

DAILY_SYMBOL = "BTCUSDT"
"""The coin that further daily candles (in USD) are taken for."""
DAILY_ZIP = "coinbase-btcusd-daily.zip"
DAILY_MARKET = "Coinbase BTC-USD"


def ordered_dataset(
    timeframe: Timeframe,
    candles: Path | None = None,
    daily: Path | None = None,
    symbols: tuple[str, ...] | None = None,
) -> SignalDataset:
    """Build the dataset of a timeframe.

    candles: feather folders, None for the candle store. daily: a zip of further daily candles
    of DAILY_SYMBOL, left out where that is not asked for. symbols: default SIGNAL_SYMBOLS.
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
    coins = settings.SIGNAL_SYMBOLS if symbols is None else symbols
    more = []
    if daily is not None and DAILY_SYMBOL in coins:
        more = [(DAILY_SYMBOL, read_daily_zip(daily))]
    dataset = build(source, coins, timeframe, more)
    if not more or daily is None:
        return dataset
    market = f" ({DAILY_MARKET} alone)" if daily.name == DAILY_ZIP else ""
    return replace(dataset, source=f"{dataset.source}; {daily.name}{market}")


def dataset_path(timeframe: Timeframe, folder: Path) -> Path:
    """Return where the dataset of a timeframe lies."""
    return folder / f"signals-{timeframe}.npz"


def dataset_of(timeframe: Timeframe, digest: str, candles: Path | None = None) -> SignalDataset:
    """Return the dataset whose candles have this digest.

    Looked for in what build_dataset wrote, the folders of SHARED_DATA and the candle store, or
    in `candles` alone. Raises TrainingDataError where none of them has it, naming where it
    looked.
    """
    shared = settings.SHARED_DATA / "data"
    daily = shared / "daily" / DAILY_ZIP if timeframe is Timeframe.D1 else None
    built = dataset_path(timeframe, settings.VAR_DIR / "datasets")
    places: list[tuple[str, Callable[[], SignalDataset]]] = [
        (str(built), lambda: load(built)),
        (str(shared / "candles"), lambda: ordered_dataset(timeframe, shared / "candles", daily)),
        ("the candle store", lambda: ordered_dataset(timeframe)),
    ]
    if candles is not None:
        given = daily if daily is not None and daily.is_file() else None
        places = [(str(candles), lambda: ordered_dataset(timeframe, candles, given))]
    found = []
    for place, read in places:
        try:
            dataset = read()
        except TrainingDataError as error:
            found.append(f"{place} ({error})")
            continue
        if dataset.digest == digest:
            return dataset
        found.append(f"{place} (other candles, digest {dataset.digest[:12]})")
    raise TrainingDataError(
        f"the {timeframe} candles that it was judged on (digest {digest[:12]}) are not in "
        + ", ".join(found)
    )
