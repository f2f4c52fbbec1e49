"""Pruning: forecasts older than the retention go, row by row what their hours' roll-ups hold.

The tree keeps every hash; of the entries only the bytes go, and a Pruning row says up to when.
An hour stays while it is not wholly graded and added up. Read by the recorder's chore and by
`manage.py prune_ledger`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, QuerySet, Sum

from inference.vocabulary import FORECASTS
from predictions.models import Forecast, ForecastOutcome, ForecastRollup, LedgerEntry, Pruning
from predictions.moments import moment

HOUR_MS = 3_600_000
SPAN_MS = 2 * HOUR_MS
DAY_MS = 24 * HOUR_MS
ROWS_A_TIME = 10_000
"""Forecasts a transaction, about; the recorder waits for no more."""


class Hour(NamedTuple):
    """One hour of a venue, of market time, and what was found there."""

    venue: str
    start_ms: int
    rows: int
    kept_because: str


@dataclass(frozen=True, slots=True)
class Pruner:
    """Finds and takes what is older than `days`; nothing where that is 0."""

    days: int

    def hours(self, venue: str) -> Iterator[Hour]:
        """Yield the venue's hours that are old enough, each with why it must stay, or ""."""
        before_ms = self._before_ms(venue)
        start_ms = None if before_ms is None else first_hour(venue, None)
        # An hour's entries were made within the next: then their bytes are old enough as well.
        while before_ms is not None and start_ms is not None and start_ms + SPAN_MS <= before_ms:
            yield self._looked_at(venue, start_ms)
            start_ms = first_hour(venue, start_ms + HOUR_MS)

    def prune(self, hour: Hour) -> int:
        """Take a part of an hour, in one transaction; return how many forecasts went."""
        before_ms = self._before_ms(hour.venue)
        if hour.kept_because or before_ms is None or hour.start_ms + SPAN_MS > before_ms:
            raise ValueError(f"this hour may not be pruned: {hour}")
        with transaction.atomic():
            named = {"engine": FORECASTS, "venue": hour.venue, "before_ts": before_ms}
            # Not get_or_create: two recorders at once may have made one each.
            guard = Pruning.objects.filter(**named).first() or Pruning.objects.create(**named)
            opened = Pruning.objects.filter(pk=guard.pk)
            opened.update(open=True)
            gone = _take(hour, before_ms)
            opened.update(open=False, rows=F("rows") + gone)
        return gone

    def _before_ms(self, venue: str) -> int | None:
        # By when rows were stored, not by market time, which in a replay is of any year; whole
        # days, so that a day leaves one row of Pruning.
        since = self._since()
        entries = LedgerEntry.objects.filter(engine=FORECASTS, venue=venue)
        newest = entries.order_by("-number").values("made_ts", "recorded_at").first()
        if not self.days or newest is None:
            return None
        if newest["recorded_at"] < since:
            return int((newest["made_ts"] + SPAN_MS) // DAY_MS + 1) * DAY_MS
        kept = entries.filter(recorded_at__gte=since).order_by("recorded_at").values("made_ts")[:1]
        first_ms = kept[0]["made_ts"] - HOUR_MS  # others may have been stored out of turn
        return int(first_ms // DAY_MS * DAY_MS)

    def _since(self) -> datetime:
        return datetime.now(UTC) - timedelta(days=self.days)

    def _looked_at(self, venue: str, start_ms: int) -> Hour:
        rows = _rows(venue, start_ms)
        count = rows.count()
        stored = ForecastRollup.objects.filter(venue=venue, hour_ts=start_ms)
        added_up = stored.aggregate(said=Sum("said"))["said"] or 0
        why = ""
        if rows.filter(outcome__isnull=True).exists():
            why = "not all of it is graded"
        elif count > added_up or (count < added_up and not may_be_pruned(venue, start_ms)):
            why = f"its roll-ups hold {added_up} of {count} forecasts"
        elif rows.filter(leaf__recorded_at__gte=self._since()).exists():
            # A market that was replayed again, say, under another model.
            why = "some of it was stored later"
        return Hour(venue, start_ms, count, why)


def venues() -> Iterator[str]:
    """Yield the venues with forecasts, each found by one look into the index."""
    rows = Forecast.objects.order_by("venue").values_list("venue", flat=True)
    venue = rows.first()
    while venue is not None:
        yield venue
        venue = rows.filter(venue__gt=venue).first()


def first_hour(venue: str, from_ms: int | None) -> int | None:
    """Return the begin of the venue's first hour with forecasts from that market time on."""
    rows = Forecast.objects.filter(venue=venue)
    if from_ms is not None:
        rows = rows.filter(predicted_at__gte=moment(from_ms))
    found = rows.order_by("predicted_at").values_list("prediction_ts", flat=True).first()
    return None if found is None else found // HOUR_MS * HOUR_MS


def may_be_pruned(venue: str, hour_ts: int) -> bool:
    """Return whether the ledger tells, as it does for good, that rows of an hour were taken."""
    rows = Pruning.objects.filter(engine=FORECASTS, venue=venue, before_ts__gt=hour_ts)
    return rows.exists()


def _rows(venue: str, start_ms: int) -> "QuerySet[Forecast]":
    start = moment(start_ms)
    return Forecast.objects.filter(
        venue=venue, predicted_at__gte=start, predicted_at__lt=start + timedelta(hours=1)
    ).order_by()


def _take(hour: Hour, before_ms: int) -> int:
    rows = _rows(hour.venue, hour.start_ms)
    # By entries, so that one's bytes go together with all of its rows.
    leaves = set(rows.order_by("leaf_id").values_list("leaf_id", flat=True)[:ROWS_A_TIME])
    rows = rows.filter(leaf_id__in=leaves)
    ForecastOutcome.objects.filter(forecast__in=rows).delete()
    # Not delete(), which would first read every row to look for what refers to it.
    gone = rows._raw_delete(rows.db)
    LedgerEntry.objects.filter(index__in=leaves, made_ts__lt=before_ms).update(packed=None)
    return gone
