"""Rows as CSV (RFC 4180): a header, values as in JSON, empty where null.

A text that a spreadsheet would take for a formula gets an apostrophe before it.
"""

import csv
import io
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from predictions.downloads.columns import Column, Kind, text_of
from predictions.moments import moment

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class CsvEncoder:
    """Turns chunks of columns into bytes."""

    content_type = "text/csv; charset=utf-8; header=present"
    suffix = "csv"

    def __init__(self, columns: Sequence[Column], description: str) -> None:
        self._columns = columns
        self._text = io.StringIO()
        self._writer = csv.writer(self._text)
        self._writer.writerow([each.name for each in columns])

    def encode(self, values: Sequence[Sequence[Any]]) -> bytes:
        """Return what a chunk adds; values: one sequence a column."""
        shown = [
            [None if value is None else show(value) for value in each]
            if (show := _SHOWN.get(column.kind))
            else each
            for column, each in zip(self._columns, values, strict=True)
        ]
        self._writer.writerows(zip(*shown, strict=True))
        return self._taken()

    def end(self) -> bytes:
        """Return what is left, which is the header where there was no row."""
        return self._taken()

    def _taken(self) -> bytes:
        taken = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return taken


def _text(value: Any) -> str:
    text = text_of(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _moment(value: int) -> str:
    return moment(value).isoformat(timespec="milliseconds")


def _time(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _hash(value: bytes | memoryview) -> str:
    return value.hex()


_SHOWN: dict[Kind, Callable[[Any], str]] = {
    Kind.TEXT: _text,
    Kind.MOMENT: _moment,
    Kind.TIME: _time,
    Kind.TRUTH: _truth,
    Kind.HASH: _hash,
}
