"""What may be missing because it was pruned: what the ledger says of it, held against the rest.

A row of `Pruning` alone proves nothing, for whoever can remove forecasts can write one. It is
believed only where what is missing was stored longer than the retention before it, and where
roll-ups hold the hour.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError
from django.db.models import Count, F, Max, Sum

from inference.vocabulary import FORECASTS
from predictions.models import Forecast, ForecastRollup, LedgerEntry, Pruning
from predictions.moments import moment
from predictions.verifying.findings import Findings

HOUR_MS = 3_600_000
CLOCK_SLACK = timedelta(minutes=10)
"""A row from further in the future is not believed."""

Of = tuple[str, str]
"""An engine, and a venue."""


@dataclass(slots=True)
class Prunings:
    """Reads what was pruned, and again where something is missing: pruning goes on meanwhile.

    retention_days: forecasts are kept so many at least, which is never less than one.
    """

    findings: Findings
    retention_days: int = 1
    _rows: dict[Of, set[tuple[int, datetime]]] = field(init=False, default_factory=dict)
    _open: set[Of] = field(init=False, default_factory=set)
    _hours: set[tuple[str, int]] = field(init=False, default_factory=set)

    def entry_covered(self, entry: LedgerEntry, stored_at: datetime | None) -> bool:
        """Return whether the bytes of an entry that was stored then may be gone."""
        # Of the hour in which it was made, or the one before.
        times = (entry.made_ts, entry.made_ts - HOUR_MS)
        return self._covers(entry.engine, entry.venue, entry.made_ts, stored_at) and any(
            self._added_up(entry.venue, at_ms) for at_ms in times
        )

    def row_covered(self, leaf: int, venue: str, at_ms: int) -> bool:
        """Return whether a forecast that this entry says may be gone: if the bytes are as well."""
        if not LedgerEntry.objects.filter(index=leaf, packed__isnull=True).exists():
            return False
        stored_at = stored_times([leaf]).get(leaf)
        return self._covers(FORECASTS, venue, at_ms, stored_at) and self._added_up(venue, at_ms)

    def going_on(self, engine: str, venue: str) -> bool:
        """Return whether one is under way: some of what it takes away may still be there."""
        self._read()
        return (engine, venue) in self._open

    def compare_counts(self) -> None:
        """Name venues of which more forecasts are gone than prunings say they took."""
        for venue in list(Pruning.objects.order_by().values_list("venue", flat=True).distinct()):
            # What is gone is counted first, for prunings only ever take more.
            gone = _gone(venue)
            taken = Pruning.objects.filter(engine=FORECASTS, venue=venue)
            rows = taken.aggregate(rows=Sum("rows"))["rows"] or 0
            if gone > rows:
                why = "roll-ups tell how many forecasts there were"
                self.findings.altered("Pruning", venue, "rows", rows, gone, why)

    def _covers(self, engine: str, venue: str, at_ms: int, stored_at: datetime | None) -> bool:
        if engine != FORECASTS or stored_at is None:
            return False
        if self._believed((engine, venue), at_ms, stored_at):
            return True
        self._read()
        return self._believed((engine, venue), at_ms, stored_at)

    def _believed(self, of: Of, at_ms: int, stored_at: datetime) -> bool:
        kept = timedelta(days=max(self.retention_days, 1))
        latest = datetime.now(UTC) + CLOCK_SLACK
        return any(
            at_ms < before_ts and stored_at + kept <= pruned_at <= latest
            for before_ts, pruned_at in self._rows.get(of, ())
        )

    def _added_up(self, venue: str, at_ms: int) -> bool:
        hour_ts = at_ms // HOUR_MS * HOUR_MS
        if (venue, hour_ts) not in self._hours:
            if not ForecastRollup.objects.filter(venue=venue, hour_ts=hour_ts).exists():
                return False
            self._hours.add((venue, hour_ts))
        return True

    def _read(self) -> None:
        rows = Pruning.objects.order_by()
        self._rows.clear()
        self._open.clear()
        for engine, venue, before_ts, at, is_open in rows.values_list(
            "engine", "venue", "before_ts", "pruned_at", "open"
        ):
            self._rows.setdefault((engine, venue), set()).add((before_ts, at))
            if is_open:
                self._open.add((engine, venue))


def stored_times(leaves: Iterable[int]) -> dict[int, datetime]:
    """Return when entries were stored; nothing where that cannot be read as a time."""
    rows = LedgerEntry.objects.filter(index__in=list(leaves)).order_by()
    try:
        return dict(rows.values_list("index", "recorded_at"))
    except (ValueError, TypeError, OverflowError, DatabaseError):
        return {}


def _gone(venue: str) -> int:
    before = Pruning.objects.filter(venue=venue).aggregate(before=Max("before_ts"))["before"] or 0
    hours = ForecastRollup.objects.filter(venue=venue, hour_ts__lt=before).order_by()
    said = Counter(dict(hours.values_list("hour_ts").annotate(said=Sum("said"))))
    if not said:
        return 0
    rows = Forecast.objects.filter(venue=venue, predicted_at__lt=moment(max(said) + HOUR_MS))
    by_hour = rows.order_by().annotate(hour=F("prediction_ts") / HOUR_MS).values_list("hour")
    there = {hour * HOUR_MS: count for hour, count in by_hour.annotate(count=Count("id"))}
    # Hours of which more is there than was added up count as nothing.
    return (said - Counter(there)).total()
