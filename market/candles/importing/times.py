"""Times as files write them → UTC ms: epochs in s, ms, µs or ns, dates, texts."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl

_LARGEST_S, _LARGEST_MS, _LARGEST_US = 1e11, 1e14, 1e17
"""An epoch beyond these is in the next finer unit; in its own it would lie after year 5000."""

_DAY_DIGITS = 8


def utc_ms(column: pl.Series, timezone: ZoneInfo) -> pl.Series:
    """Return a column's times as Int64 ms (UTC), null where a value is no time.

    timezone: of times that name none. Of an hour that a time zone has twice, the first is meant.
    """
    if column.dtype == pl.Date:
        column = column.cast(pl.Datetime("ms"))
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is None:
            column = _localised(column, timezone)
        return column.dt.epoch("ms")
    if column.dtype == pl.String:
        return _from_texts(column, timezone)
    return _from_epochs(column)


def _from_epochs(numbers: pl.Series) -> pl.Series:
    number = pl.col("number")
    size = number.abs()
    # A float holds nanoseconds of today to about 0.1 µs: enough for ms.
    ms = (
        pl.when(size < _LARGEST_S)
        .then(number * 1e3)
        .when(size < _LARGEST_MS)
        .then(number)
        .when(size < _LARGEST_US)
        .then(number / 1e3)
        .otherwise(number / 1e6)
    )
    frame = pl.DataFrame({"number": numbers.cast(pl.Float64, strict=False)})
    return frame.select(ms.round().cast(pl.Int64, strict=False).alias("ms"))["ms"]


def _from_texts(texts: pl.Series, timezone: ZoneInfo) -> pl.Series:
    texts = texts.str.strip_chars()
    is_day = texts.str.len_chars() == _DAY_DIGITS  # 20141201 is a day, no epoch
    epochs = _from_epochs(texts.set(is_day, None))
    written = [
        _parsed(text) if epoch is None else None for text, epoch in zip(texts, epochs, strict=True)
    ]
    aware = [each.astimezone(UTC) if each and each.tzinfo else None for each in written]
    naive = [None if each and each.tzinfo else each for each in written]
    frame = pl.DataFrame(
        {
            "epoch": epochs,
            "aware": pl.Series(aware, dtype=pl.Datetime("ms", "UTC")).dt.epoch("ms"),
            "naive": _localised(pl.Series(naive, dtype=pl.Datetime("ms")), timezone).dt.epoch("ms"),
        }
    )
    return frame.select(pl.coalesce("epoch", "aware", "naive").alias("ms"))["ms"]


def _parsed(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _localised(column: pl.Series, timezone: ZoneInfo) -> pl.Series:
    return column.dt.replace_time_zone(
        timezone.key, ambiguous="earliest", non_existent="null"
    ).dt.convert_time_zone("UTC")
