"""One Parquet file of the candle store: its period, its columns, how it is read and replaced.

Read by `market.candles.store` alone.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from market.candles.series import CandleSeries, Integers
from market.candles.timeframes import Timeframe
from market.files import replace_whole

SCHEMA: dict[str, pl.DataType] = {
    "open_ms": pl.Int64(),
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
    "volume": pl.Float64(),
    "provisional": pl.Boolean(),
}
"""Columns of every file, in the order of `CandleSeries`."""

COLUMNS_MISSING, CANDLES_MISSING = "columns_missing", "candles_missing"

_PERIOD = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_DAY, _MONTH, _YEAR = "M8[D]", "M8[M]", "M8[Y]"


class CandleStoreError(Exception):
    """A stored file is damaged or none of ours. `code` is the reason that a coin is given.

    A person repairs or removes the file that the message names; other datasets go on.
    """

    def __init__(self, code: str, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.code = code
        self.path = path
        self.problem = problem

    @property
    def told(self) -> str:
        """The message with the path from the store's root on: API users need no more of it."""
        _, _, inside = str(self.path).rpartition("/candles/")
        return f"candles/{inside}: {self.problem}"


def periods_of(open_ms: Integers, timeframe: Timeframe) -> Iterator[tuple[str, slice]]:
    """Yield each part's name with the rows that belong to it; `open_ms` [n] rises."""
    unit = _DAY if timeframe.ms < Timeframe.M15.ms else _MONTH
    if timeframe.ms > Timeframe.H1.ms:
        unit = _YEAR
    periods = open_ms.astype("M8[ms]").astype(unit)
    edges = [0, *(np.flatnonzero(np.diff(periods).astype(np.int64)) + 1).tolist(), len(open_ms)]
    for start, stop in pairwise(edges):
        yield str(periods[start]), slice(start, stop)


def period_bounds(name: str) -> tuple[int, int]:
    """Return a part's first ms and the one after its last."""
    first = np.datetime64(name)
    return int(first.astype("M8[ms]").astype(np.int64)), int(
        (first + 1).astype("M8[ms]").astype(np.int64)
    )


def part_names(folder: Path) -> list[str]:
    """Return the names of a dataset's parts, newest first; none where there is no dataset.

    Raises CandleStoreError where the folder cannot be read.
    """
    try:
        names = [name.removesuffix(".parquet") for name in os.listdir(folder)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CandleStoreError(
            CANDLES_MISSING, folder, f"cannot be read: {error.strerror}"
        ) from error
    return sorted((name for name in names if _PERIOD.fullmatch(name)), reverse=True)


def read_part(path: Path) -> CandleSeries:
    """Return a file's candles. Raises CandleStoreError where it is damaged or foreign."""
    try:
        # From memory and on one thread: the files are small, and many are read in a row.
        frame = pl.read_parquet(
            path.read_bytes(), parallel="none", use_statistics=False, hive_partitioning=False
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        problem = f"cannot be read: {str(error).splitlines()[0]}"
        raise CandleStoreError(CANDLES_MISSING, path, problem) from error
    schema = frame.schema
    missing = [name for name, kind in SCHEMA.items() if schema.get(name) != kind]
    if missing:
        problem = f"lacks the columns {', '.join(missing)}, or they are not of their type"
        raise CandleStoreError(COLUMNS_MISSING, path, problem)
    columns = [frame[name] for name in SCHEMA]
    if any(column.null_count() for column in columns):
        raise CandleStoreError(COLUMNS_MISSING, path, "has empty fields")
    candles = CandleSeries(*(column.to_numpy() for column in columns))
    if not (np.diff(candles.open_ms) > 0).all():
        raise CandleStoreError(COLUMNS_MISSING, path, "open_ms does not rise from row to row")
    return candles


def write_part(path: Path, candles: CandleSeries) -> None:
    """Replace a file in one step. Hold `write_lock` of its folder. Raises OSError."""
    frame = pl.DataFrame(
        {each.name: getattr(candles, each.name) for each in fields(candles)}, schema=SCHEMA
    )
    replace_whole(path, lambda file: frame.write_parquet(file, compression="lz4", statistics=False))


@contextmanager
def write_lock(folder: Path) -> Iterator[None]:
    """Hold a dataset against other writers; at the end its stamp (folder's mtime) has changed."""
    before_ns = folder.stat().st_mtime_ns
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before_ns = max(before_ns, folder.stat().st_mtime_ns)
        try:
            yield
        finally:
            # The kernel stamps with a coarse clock: two writes within its step would look alike.
            if folder.stat().st_mtime_ns != before_ns:
                stamp_ns = max(time.time_ns(), before_ns + 1)
                os.utime(folder, ns=(stamp_ns, stamp_ns))
