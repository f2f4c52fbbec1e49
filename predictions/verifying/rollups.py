"""Hours of forecasts that were added up, against the rows that they are made of.

Where rows were pruned the hour is all that is left, and cannot be checked. The arithmetic is that
of `predictions.accuracy.rollups`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.signals.signal import iso
from predictions.accuracy.hours import BIN_COLUMNS, BLOCK_COLUMNS, Hour, HourKey
from predictions.accuracy.rollups import held, hours_from_rows
from predictions.models import ForecastRollup
from predictions.retention.pruning import may_be_pruned
from predictions.verifying.findings import Finding, Findings, Kind
from predictions.verifying.rows import UNREADABLE

NAME = ForecastRollup.__name__
PRECISION = 1e-6
"""Relative: sums are float32, and another machine's logarithms may differ in the last bit."""
TRIES = 3

Stored = dict[HourKey, ForecastRollup]


def check_rollups(findings: Findings) -> None:
    """Add up again every stored hour whose rows are all there, and name what differs."""
    for venue, hour_ts in _stored_hours():
        try:
            _read(venue, hour_ts)
        except UNREADABLE as error:
            named, told = f"{iso(hour_ts)} of {venue}", f"cannot be read: {error}"
            findings.add(Finding(Kind.ALTERED, NAME, named, message=told))
        else:
            _check_hour(findings, venue, hour_ts)


def _check_hour(findings: Findings, venue: str, hour_ts: int) -> None:
    for left in reversed(range(TRIES)):
        stored = _read(venue, hour_ts)
        found = list(_differing(venue, hour_ts, stored))
        if _outlives_its_rows(venue, hour_ts):
            return
        # A recorder may write an hour anew while it is looked at.
        if not found or not left or _keys(stored) == _keys(_read(venue, hour_ts)):
            break
    findings.checked[NAME] += len(stored)
    for each in found:
        findings.add(each)


def _stored_hours() -> Iterator[tuple[str, int]]:
    rows = ForecastRollup.objects.order_by("venue", "hour_ts").values_list("venue", "hour_ts")
    return iter(rows.distinct().iterator())


def _read(venue: str, hour_ts: int) -> Stored:
    rows = ForecastRollup.objects.filter(venue=venue, hour_ts=hour_ts).order_by("pk")
    return {HourKey(*(getattr(row, name) for name in HourKey._fields)): row for row in rows}


def _keys(stored: Stored) -> list[Any]:
    return [row.pk for row in stored.values()]


def _outlives_its_rows(venue: str, hour_ts: int) -> bool:
    said, rows = held(venue, hour_ts)
    return said > rows and may_be_pruned(venue, hour_ts)


def _differing(venue: str, hour_ts: int, stored: Stored) -> Iterator[Finding]:
    said, rows = held(venue, hour_ts)
    if said < rows and not any(_compared(stored, hours_from_rows(venue, hour_ts, first=said))):
        return  # rows came since, and the recorder has not written the hour anew yet
    yield from _compared(stored, hours_from_rows(venue, hour_ts))


def _compared(stored: Stored, hours: Iterator[Hour]) -> Iterator[Finding]:
    left = dict(stored)
    for hour in hours:
        row = left.pop(hour.key, None)
        if row is None:
            told = f"its rows say {hour.said} forecasts"
            yield Finding(Kind.REMOVED, NAME, _named(hour.key), message=told)
        else:
            yield from _altered(row, hour)
    for key in left:
        yield Finding(Kind.INSERTED, NAME, _named(key), message="no row says any of it")


def _altered(row: ForecastRollup, hour: Hour) -> Iterator[Finding]:
    for name in ("said", "late", "graded", "ungradable"):
        is_, expected = getattr(row, name), getattr(hour, name)
        if is_ != expected:
            yield _finding(hour.key, name, is_, expected)
    for name, columns, sums in (
        ("blocks", BLOCK_COLUMNS, hour.blocks),
        ("histogram", BIN_COLUMNS, hour.bins),
    ):
        found = _sums(getattr(row, name), sums.shape)
        if found is None:
            yield _finding(hour.key, name, "no sums", f"{sums.size} of them")
            continue
        same = np.isclose(found, sums, rtol=PRECISION, atol=PRECISION)
        for place, column in np.argwhere(~same)[:1].tolist():
            field = f"{name}, {columns[column]} of {place}"
            yield _finding(hour.key, field, found[place, column], sums[place, column])


def _sums(packed: Any, shape: tuple[int, ...]) -> npt.NDArray[np.float32] | None:
    try:
        return np.frombuffer(bytes(packed), "<f4").reshape(shape)
    except UNREADABLE:
        return None


def _finding(key: HourKey, field: str, stored: object, expected: object) -> Finding:
    return Finding(Kind.ALTERED, NAME, _named(key), field, f"{stored}", f"{expected}")


def _named(key: HourKey) -> str:
    live = "live" if key.live else "not live"
    return (
        f"{iso(key.hour_ts)} {key.symbol} of {key.venue} ({live}), {key.model_version} "
        f"on {key.base_version}, {key.role}, {key.source}"
    )
