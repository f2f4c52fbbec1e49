"""Roll-ups in the database: an hour of forecasts stored, and read again.

Read by `predictions.accuracy.questions`, written by the recorder's chore and by
`manage.py accuracy_report --rebuild`.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import structlog
from django.db import connection, transaction
from django.db.models import F, QuerySet, Sum

from predictions.accuracy.hours import (
    BINS_SHAPE,
    BLOCKS_SHAPE,
    HOUR_MS,
    ForecastRow,
    Hour,
    HourKey,
    add_up,
)
from predictions.models import Forecast, ForecastRollup
from predictions.moments import moment

log = structlog.get_logger(__name__)

ROWS_A_CHUNK = 10_000
ROW_FIELDS = (
    *ForecastRow._fields[:12],
    *(f"outcome__{name}" for name in ForecastRow._fields[12:]),
)
_STORED = (*HourKey._fields, "said", "late", "graded", "ungradable", "blocks", "histogram")


def forecast_rows(
    *, from_ms: int | None, to_ms: int | None, **chosen: Any
) -> Iterator[ForecastRow]:
    """Yield forecasts with their outcomes in order of time; `chosen` are field lookups."""
    rows = Forecast.objects.filter(**chosen)
    if from_ms is not None:
        rows = rows.filter(predicted_at__gte=moment(from_ms))
    if to_ms is not None:
        rows = rows.filter(predicted_at__lt=moment(to_ms))
    found = rows.order_by("predicted_at", "id").values_list(*ROW_FIELDS)
    return (ForecastRow(*row) for row in found.iterator(ROWS_A_CHUNK))


def store_hour(venue: str, hour_ts: int) -> bool:
    """Write one hour of a venue; return False while some of it is not graded.

    What stands is replaced where rows came to light since, and kept where rows were pruned.
    """
    with transaction.atomic():
        standing = ForecastRollup.objects.filter(venue=venue, hour_ts=hour_ts)
        known = standing.aggregate(said=Sum("said"))["said"] or 0
        if _in_hour(venue, hour_ts).filter(outcome__isnull=True).exists():
            return False
        rows = list(forecast_rows(from_ms=hour_ts, to_ms=hour_ts + HOUR_MS, venue=venue))
        if len(rows) < known:
            log.info("rollup_kept", venue=venue, hour_ts=hour_ts, stored=known, rows=len(rows))
            return True
        if len(rows) > known:
            standing.delete()
            # Another recorder may write the same at the same time.
            ForecastRollup.objects.bulk_create(map(_packed, add_up(rows)), ignore_conflicts=True)
    return True


def rebuild() -> int:
    """Write every hour that has rows anew; return how many hours were written."""
    hours = Forecast.objects.order_by().values("venue", hour=F("prediction_ts") / HOUR_MS)
    written = 0
    for row in list(hours.distinct()):
        venue, hour = row["venue"], row["hour"]
        with transaction.atomic():
            standing = ForecastRollup.objects.filter(venue=venue, hour_ts=hour * HOUR_MS)
            known = standing.aggregate(said=Sum("said"))["said"] or 0
            if _in_hour(venue, hour * HOUR_MS).count() >= known:
                standing.delete()
                written += store_hour(venue, hour * HOUR_MS)
    return written


def stored_hours(*, from_ms: int | None, to_ms: int | None, most: int, **chosen: Any) -> list[Hour]:
    """Return the stored roll-ups of hours that lie wholly inside the window, in order of time.

    most: so many at most, and one more where there are more.
    """
    rows = _inside(from_ms, to_ms).filter(**chosen)
    return _unpacked(_fetched(rows.order_by("hour_ts", "id").values_list(*_STORED)[: most + 1]))


def stored_times(venue: str, from_ms: int | None, to_ms: int | None) -> list[int]:
    """Return the begins of hours inside the window that are added up, in order.

    Whatever was said in them: a venue's hour is stored as a whole, so that a symbol or model
    version without a roll-up there said nothing.
    """
    times = _inside(from_ms, to_ms).filter(venue=venue).order_by("hour_ts")
    return list(times.values_list("hour_ts", flat=True).distinct())


def _inside(from_ms: int | None, to_ms: int | None) -> "QuerySet[ForecastRollup]":
    rows = ForecastRollup.objects.all()
    if from_ms is not None:
        rows = rows.filter(hour_ts__gte=from_ms)
    if to_ms is not None:
        rows = rows.filter(hour_ts__lte=to_ms - HOUR_MS)
    return rows


def _in_hour(venue: str, hour_ts: int) -> QuerySet[Forecast]:
    window = (moment(hour_ts), moment(hour_ts + HOUR_MS))
    return Forecast.objects.filter(
        venue=venue, predicted_at__gte=window[0], predicted_at__lt=window[1]
    )


def _packed(hour: Hour) -> ForecastRollup:
    return ForecastRollup(
        **hour.key._asdict(),
        said=hour.said,
        late=hour.late,
        graded=hour.graded,
        ungradable=dict(hour.ungradable),
        blocks=hour.blocks.astype("<f4").tobytes(),
        histogram=hour.bins.astype("<f4").tobytes(),
    )


def _fetched(rows: "QuerySet[ForecastRollup, Any]") -> list[tuple[Any, ...]]:
    # Past the ORM's converters, which cost as much as the reading itself.
    statement, parameters = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def _unpacked(rows: Sequence[tuple[Any, ...]]) -> list[Hour]:
    keys = len(HourKey._fields)
    blocks = np.frombuffer(b"".join(row[-2] for row in rows), "<f4").reshape(-1, *BLOCKS_SHAPE)
    bins = np.frombuffer(b"".join(row[-1] for row in rows), "<f4").reshape(-1, *BINS_SHAPE)
    return [
        Hour(
            key=HourKey(row[0], bool(row[1]), *row[2:keys]),
            said=row[keys],
            late=row[keys + 1],
            graded=row[keys + 2],
            ungradable={} if row[keys + 3] == "{}" else json.loads(row[keys + 3]),
            blocks=blocks[index],
            bins=bins[index],
        )
        for index, row in enumerate(rows)
    ]
