"""Candle files as tables: feather, CSV, Parquet, and CSV within a zip; columns by usual names."""

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from market.candles.importing.files import ImportFileError
from market.candles.importing.times import utc_ms
from market.candles.series import CandleSeries

TIME_NAMES = ("date", "timestamp", "time", "open_time", "datetime", "open_ms")
VALUE_NAMES = ("open", "high", "low", "close", "volume")
"""Compared in lower case, with spaces read as underscores."""

UNREADABLE_MS = -1

_BY_PLACE = ("date", *VALUE_NAMES)


def read_rows(path: Path, timezone: ZoneInfo) -> CandleSeries:
    """Return a file's rows as they are, in its order: nothing is checked yet.

    open_ms is UNREADABLE_MS where the time cannot be read, a value NaN where it is no number.
    timezone: of times that name none. Raises ImportFileError where the file cannot be read.
    """
    try:
        frames = list(_frames(path))
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ImportFileError(f"{path}: cannot be read: {reason}") from error
    if not frames:
        raise ImportFileError(f"{path}: holds no CSV file")
    table = pl.concat([_table(frame, path, timezone) for frame in frames])
    table = table.with_columns(provisional=False)[[each.name for each in fields(CandleSeries)]]
    return CandleSeries(*(column.to_numpy() for column in table.get_columns()))


def _frames(path: Path) -> Iterator[pl.DataFrame]:
    match path.suffix.lower():
        case ".feather":
            yield pl.read_ipc(path.read_bytes())
        case ".parquet":
            yield pl.read_parquet(path.read_bytes())
        case ".zip":
            with zipfile.ZipFile(path) as archive:
                for name in sorted(archive.namelist()):
                    if name.lower().endswith(".csv"):
                        yield _csv(archive.read(name))
        case _:
            yield _csv(path.read_bytes())


def _csv(content: bytes) -> pl.DataFrame:
    content = content.removeprefix(b"\xef\xbb\xbf")
    first_line = content.split(b"\n", 1)[0].decode()
    first = [_plain(cell) for cell in next(csv.reader([first_line.strip("\r")]), [])]
    known = any(name in first for name in (*TIME_NAMES, *VALUE_NAMES))
    # A header of other words is still a header: the refusal then tells what it says.
    has_header = known or not any(_is_number(cell) for cell in first)
    frame = pl.read_csv(
        io.BytesIO(content), has_header=has_header, infer_schema=False, truncate_ragged_lines=True
    )
    if not has_header and len(frame.columns) >= len(_BY_PLACE):
        frame = frame[:, : len(_BY_PLACE)]
        frame.columns = list(_BY_PLACE)
    return frame


def _table(frame: pl.DataFrame, path: Path, timezone: ZoneInfo) -> pl.DataFrame:
    names = {_plain(name): name for name in reversed(frame.columns)}
    time_name = next((name for name in TIME_NAMES if name in names), None)
    missing = [name for name in VALUE_NAMES if name not in names]
    if time_name is None:
        missing.insert(0, f"a time ({', '.join(TIME_NAMES)})")
    if missing or time_name is None:
        raise ImportFileError(
            f"{path}: lacks the columns {', '.join(missing)}; it has {', '.join(frame.columns)}"
        )
    opens = utc_ms(frame[names[time_name]], timezone).fill_null(UNREADABLE_MS)
    values = {
        name: _text(frame[names[name]]).cast(pl.Float64, strict=False) for name in VALUE_NAMES
    }
    return pl.DataFrame({"open_ms": opens} | values).fill_null(float("nan"))


def _text(column: pl.Series) -> pl.Series:
    return column.str.strip_chars() if column.dtype == pl.String else column


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _plain(name: str) -> str:
    return name.strip().strip('"').lower().replace(" ", "_")
