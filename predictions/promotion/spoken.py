"""What one version said as a model, found in the ledger without reading what others said.

Read by the pairs of versions, their ranking and the rollback watch.
"""

from collections.abc import Iterable, Iterator, Sequence

from django.db.models import QuerySet

from inference.vocabulary import OutcomeStatus, Source
from predictions.accuracy.hours import HOUR_MS
from predictions.accuracy.rollups import stored_times
from predictions.models import Forecast, ForecastRollup, LedgerEntry
from predictions.moments import moment
from predictions.retention.pruning import first_hour

_PIECE_MS = 600_000
_LEAVES_A_TIME = 300


def model_forecasts(venue: str, version: str, begin: int, end: int) -> "QuerySet[Forecast]":
    """Return the graded forecasts that a version made as a model, decided in [begin, end) ms."""
    return Forecast.objects.filter(
        venue=venue,
        predicted_at__gte=moment(begin),
        predicted_at__lt=moment(end),
        model_version=version,
        source=Source.REDIS.value,
        late=False,
        outcome__status=OutcomeStatus.GRADED.value,
        outcome__return_bp__isnull=False,
    ).order_by()


def packed_entries(leaves: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """Yield the bytes of those leaves that were not pruned, with their index."""
    ordered = sorted(leaves)
    for start in range(0, len(ordered), _LEAVES_A_TIME):
        some = ordered[start : start + _LEAVES_A_TIME]
        rows = LedgerEntry.objects.filter(index__in=some, packed__isnull=False).order_by()
        for index, packed in rows.values_list("index", "packed").iterator(_LEAVES_A_TIME):
            yield index, bytes(packed or b"")


def spoken_pieces(
    venue: str, versions: Sequence[str], from_ms: int | None, to_ms: int | None
) -> Iterator[tuple[int, int]]:
    """Yield stretches [begin, end) of at most ten minutes in which all versions may have spoken."""
    # Hours that are added up tell whether a version spoke in them: those without are passed by.
    first_ms = None if from_ms is None else from_ms // HOUR_MS * HOUR_MS
    stored = set(stored_times(venue, first_ms, None))
    spoken = [_spoken_hours(venue, version, first_ms or 0) for version in versions]
    hour = first_hour(venue, from_ms)
    while hour is not None and (to_ms is None or hour < to_ms):
        if hour not in stored or all(hour in hours for hours in spoken):
            for begin in range(hour, hour + HOUR_MS, _PIECE_MS):
                first = begin if from_ms is None else max(begin, from_ms)
                last = begin + _PIECE_MS if to_ms is None else min(begin + _PIECE_MS, to_ms)
                if first < last:
                    yield first, last
        hour = first_hour(venue, hour + HOUR_MS)


def _spoken_hours(venue: str, version: str, first_ms: int) -> set[int]:
    rows = ForecastRollup.objects.filter(
        venue=venue, hour_ts__gte=first_ms, model_version=version, source=Source.REDIS.value
    )
    return set(rows.order_by().values_list("hour_ts", flat=True).distinct())
