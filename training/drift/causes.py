"""Which slots have drifted for so long that a challenger is worth its training.

Asked by the retraining schedule. It reads rows alone, and imports no training library. A cause
begins a run; the gates alone decide who serves.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils import timezone

from inference.artefacts.versions import SLOTS, Slot
from predictions.models import DriftReading, TrainingRun
from predictions.promotion.told import DriftKind

APART = timedelta(hours=6)
"""Between the first and the last of the readings that must agree: one bad hour begins nothing."""
LONGEST_GAP = timedelta(hours=24)
"""Readings further apart than this are not in a row."""
REST = timedelta(days=7)
"""After a slot's last run, however it began and ended."""
MOST_NAMED = 4

_Key = tuple[str, str]


def drift_causes(now: datetime | None = None) -> list[tuple[Slot, str]]:
    """Return the slots to train anew because they drifted, each with why, in a sentence."""
    now = now or timezone.now()
    found: list[tuple[Slot, str]] = []
    for slot in SLOTS:
        if TrainingRun.objects.filter(slot=str(slot), started_at__gt=now - REST).exists():
            continue
        cause = _cause(slot, now)
        if cause:
            found.append((slot, cause))
    return found


def _cause(slot: Slot, now: datetime) -> str:
    readings = DriftReading.objects.filter(slot=str(slot), symbol="")
    newest = readings.filter(measured_at__gt=now - LONGEST_GAP).order_by("-measured_at").first()
    if newest is None:
        return ""
    rows = readings.filter(
        version=newest.version,
        venue=newest.venue,
        measured_at__gt=newest.measured_at - LONGEST_GAP - APART,
        measured_at__lte=newest.measured_at,
    )
    lasting = _lasting(rows, newest.measured_at)
    if not lasting:
        return ""
    named = ", ".join(_named(row) for row in lasting[:MOST_NAMED])
    more = len(lasting) - MOST_NAMED
    return f"drift in {newest.venue}: {named}" + (f" and {more} more" if more > 0 else "")


def _lasting(rows: Iterable[DriftReading], newest: datetime) -> list[DriftReading]:
    """Return the newest readings of what drifted now, APART ago and whenever asked in between."""
    series: defaultdict[_Key, list[DriftReading]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.measured_at, reverse=True):
        series[row.kind, row.name].append(row)
    found = []
    for readings in series.values():
        if readings[0].measured_at != newest:
            continue
        for row in readings:
            if not row.drifted:
                break
            if newest - row.measured_at >= APART:
                found.append(readings[0])
                break
    return sorted(found, key=lambda row: (row.kind, -abs(row.value or 0.0)))


def _named(row: DriftReading) -> str:
    if row.kind == DriftKind.FEATURE:
        return f"{row.name} (PSI {_figure(row.value)}, KS {_figure(row.effect)})"
    return f"{row.kind} {row.name} ({_figure(row.value)} after {_figure(row.reference)})"


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"
