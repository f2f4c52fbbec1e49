"""Entries that were recorded for long without a checkpoint: some may have been removed.

A recorder signs within a minute. Where it could not, or stood still, the same is found; so this
is told, not counted as a fault. When entries were recorded is not in the tree.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from predictions.models import Checkpoint, LedgerEntry
from predictions.verifying.findings import Finding, Findings, Kind

LONGEST = timedelta(minutes=10)
ROWS_A_TIME = 500


class Stretch(NamedTuple):
    """Entries [start, end) between two checkpoints; `open` where none follows."""

    start: int
    end: int
    open: bool = False


def find_signing_gaps(findings: Findings, size: int) -> None:
    """Tell of the first `size` entries which went long without a checkpoint, from when to when."""
    waiting: list[Stretch] = []
    for stretch in _stretches(size):
        waiting.append(stretch)
        if len(waiting) == ROWS_A_TIME:
            _look_at(findings, waiting)
            waiting = []
    _look_at(findings, waiting)


def _stretches(size: int) -> Iterator[Stretch]:
    start = 0
    signed = Checkpoint.objects.filter(size__gt=0, size__lte=size).order_by("size")
    for end in signed.values_list("size", flat=True).iterator(ROWS_A_TIME):
        yield Stretch(start, end)
        start = end
    if start < size:
        yield Stretch(start, size, open=True)


def _look_at(findings: Findings, stretches: list[Stretch]) -> None:
    ends = {index for each in stretches for index in (each.start, each.end - 1)}
    rows = LedgerEntry.objects.filter(index__in=ends).order_by()
    recorded: dict[int, datetime | None]
    try:
        recorded = dict(rows.values_list("index", "recorded_at"))
    except (ValueError, TypeError, OverflowError):
        recorded = dict.fromkeys(ends)
    if None in recorded.values():  # SQLite holds whatever is put in
        told = "when one of these entries was recorded is no time"
        name = f"{stretches[0].start} to {stretches[-1].end - 1}"
        findings.add(Finding(Kind.ALTERED, "LedgerEntry", name, message=told))
    now = datetime.now(UTC)
    for each in stretches:
        first, last = recorded.get(each.start), recorded.get(each.end - 1)
        if first is None or last is None:
            continue  # removed, and named
        until = now if each.open else last
        if until - first > LONGEST:
            _tell(findings, each, first, last)


def _tell(findings: Findings, each: Stretch, first: datetime, last: datetime) -> None:
    why = "the recorder could not sign or stood still, or checkpoints were removed"
    without = "no checkpoint since" if each.open else "no checkpoint between"
    told = f"recorded from {_shown(first)} to {_shown(last)}, and {without}: {why}"
    name = f"{each.start} to {each.end - 1}"
    findings.add(Finding(Kind.LATE_SIGNED, "LedgerEntry", name, message=told))


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
