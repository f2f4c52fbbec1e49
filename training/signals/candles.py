"""Candles to learn from: the candle store's, or plain feather folders; read by the datasets."""

import csv
import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from market.candles.series import CandleSeries, Floats
from market.candles.store import CandleStore, CandleStoreError
from market.candles.timeframes import Timeframe
from training.recordings import TrainingDataError

Numbers = npt.NDArray[np.generic]
COLUMNS = ("open", "high", "low", "close", "volume")
FINER = (Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.H4, Timeframe.D1)
"""Paths from finest to coarsest; one as long as the timeframe is its own candles."""


class CandleSource(Protocol):
    """Where candles come from."""

    @property
    def name(self) -> str:
        """How a manifest calls it."""
        ...

    def read(self, symbol: str, timeframe: Timeframe) -> CandleSeries:
        """Return closed candles, oldest first; an empty series where there are none."""
        ...


@dataclass(frozen=True, slots=True)
class FeatherFolders:
    """`root/<TF>/<COIN>_USDT-<TF>.feather`; columns date (UTC open), OHLC and volume."""

    root: Path

    @property
    def name(self) -> str:
        return f"feather files of {self.root.name}"

    def read(self, symbol: str, timeframe: Timeframe) -> CandleSeries:
        path = self.root / timeframe / f"{symbol.removesuffix('USDT')}_USDT-{timeframe}.feather"
        if not path.is_file():
            return CandleSeries.empty()
        try:
            frame = pl.read_ipc(path).unique("date", keep="last", maintain_order=True)
            frame = frame.sort("date")
            opens = frame["date"].dt.epoch("ms").to_numpy()
            columns = [frame[name].cast(pl.Float64).to_numpy() for name in COLUMNS]
        except (pl.exceptions.PolarsError, OSError) as error:
            raise TrainingDataError(f"{path} is no feather file of candles: {error}") from error
        # Nothing in the file says when it was written: its last candle may not have closed.
        return closed_candles(opens, *columns)[:-1]


@dataclass(frozen=True, slots=True)
class StoredCandles:
    """The candle store's confirmed candles of one exchange."""

    root: Path
    exchange: str

    @property
    def name(self) -> str:
        return f"candle store, {self.exchange}"

    def read(self, symbol: str, timeframe: Timeframe) -> CandleSeries:
        try:
            candles = CandleStore(self.root).read((self.exchange,), symbol, timeframe)
        except CandleStoreError as error:
            raise TrainingDataError(str(error)) from error
        return candles[~candles.provisional]


def closed_candles(opens: Numbers, *columns: Floats) -> CandleSeries:
    """Return a series of rows whose prices are positive, finite and consistent."""
    open_, high, low, close, volume = columns
    sane = np.isfinite(np.column_stack(columns)).all(axis=1) & (low > 0) & (volume >= 0)
    sane &= (high >= np.maximum(open_, close)) & (low <= np.minimum(open_, close))
    flags = np.zeros(len(opens), dtype=np.bool_)
    series = CandleSeries(opens.astype(np.int64), open_, high, low, close, volume, flags)
    return series[sane]


def read_daily_zip(path: Path) -> CandleSeries:
    """Read daily candles from a zip of one CSV: `YYYYMMDD HH:MM,o,h,l,c,v`, UTC open time.

    Raises TrainingDataError where it is no such file.
    """
    try:
        rows = sorted(_daily_rows(path))
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise TrainingDataError(f"{path} is no zip of daily candles: {error}") from error
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return closed_candles(table[:, 0], *table[:, 1:].T)


def candles_digest(parts: Sequence[CandleSeries]) -> str:
    """Return the SHA-256 over what the series hold."""
    digest = hashlib.sha256()
    for part in parts:
        for column in ("open_ms", *COLUMNS):
            digest.update(np.ascontiguousarray(getattr(part, column)).tobytes())
    return digest.hexdigest()


def _daily_rows(path: Path) -> Iterator[tuple[float, ...]]:
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        for day, *values in csv.reader(TextIOWrapper(file, "utf-8")):
            opened = datetime.strptime(day, "%Y%m%d %H:%M").replace(tzinfo=UTC)
            yield (opened.timestamp() * 1000, *map(float, values))
