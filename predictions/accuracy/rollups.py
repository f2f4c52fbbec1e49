"""Roll-ups in the database: an hour of forecasts stored, and read again.

Read by `predictions.accuracy.questions`, written by the recorder's chore and by
`manage.py accuracy_report --rebuild`.
"""

import json
from collections.abc import Generator, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import structlog
from django.db import connection, transaction
from django.db.models import QuerySet, Sum

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
from predictions.retention.pruning import first_hour, may_be_pruned, venues

log = structlog.get_logger(__name__)

ROWS_A_CHUNK = 10_000
WRITTEN_AT_ONCE = 100
"""Roll-ups a statement, of 9 kB each."""
Place = tuple[int, int]
"""Of a row among those of an hour: its time, and its id."""

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


def store_hour(venue: str, hour_ts: int, *, anew: bool = False) -> bool:
    """Write one hour of a venue; return False while some of it is not graded."""
    pieces = adding_up(venue, hour_ts, anew=anew)
    while True:
        try:
            next(pieces)
        except StopIteration as ended:
            return bool(ended.value)


def adding_up(venue: str, hour_ts: int, *, anew: bool = False) -> Generator[None, None, bool]:
    """Write one hour of a venue, and yield after each symbol that was read.

    Returns False while some of it is not graded. All roll-ups are written at the end, together:
    until then the hour is not added up. What stands is replaced where it is not of as many rows
    (`anew`: always), and kept where rows were pruned.
    """
    for symbol in _symbols(venue):
        if _in_hour(venue, hour_ts).filter(symbol=symbol, outcome__isnull=True).exists():
            return False
        yield
    standing = ForecastRollup.objects.filter(venue=venue, hour_ts=hour_ts)
    known, count = held(venue, hour_ts)
    kept = count < known and may_be_pruned(venue, hour_ts)
    if kept:
        log.info("rollup_kept", venue=venue, hour_ts=hour_ts, stored=known, rows=count)
    if kept or (count == known and not anew):
        return True
    hours: list[tuple[Place, Hour]] = []
    for symbol in _symbols(venue):
        hours += _of_rows(_in_hour(venue, hour_ts).filter(symbol=symbol))
        yield
    said = sum(hour.said for _, hour in hours)
    if said != _in_hour(venue, hour_ts).count():
        return False  # some came meanwhile
    # In the order of their first rows, in which rows themselves are added up.
    hours.sort(key=itemgetter(0))
    with transaction.atomic():
        standing.delete()
        # Another recorder may write the same at the same time.
        ForecastRollup.objects.bulk_create(
            (packed(hour) for _, hour in hours), batch_size=WRITTEN_AT_ONCE, ignore_conflicts=True
        )
    return True


def said_hours() -> Iterator[tuple[str, int, bool]]:
    """Yield each venue, hour with forecasts and whether it is added up, by looks into the index."""
    for venue in venues():
        stored = set(stored_times(venue, None, None))
        hour_ts = first_hour(venue, None)
        while hour_ts is not None:
            yield venue, hour_ts, hour_ts in stored
            hour_ts = first_hour(venue, hour_ts + HOUR_MS)


class KeptHour(NamedTuple):
    """An hour that cannot be written anew: of its `said` forecasts all but `rows` were pruned."""

    venue: str
    hour_ts: int
    said: int
    rows: int


class Rebuilt(NamedTuple):
    """How many hours were written, and which were kept because rows were pruned."""

    written: int
    kept: list[KeptHour]


def rebuild() -> Rebuilt:
    """Write every hour that has rows anew, except where the ledger says that rows were pruned."""
    written, kept = 0, []
    for venue, hour_ts, _ in said_hours():
        said, rows = held(venue, hour_ts)
        if rows < said and may_be_pruned(venue, hour_ts):
            kept.append(KeptHour(venue, hour_ts, said, rows))
        else:
            written += store_hour(venue, hour_ts, anew=True)
    return Rebuilt(written, kept)


def held(venue: str, hour_ts: int) -> tuple[int, int]:
    """Return how many forecasts an hour's roll-ups hold, and how many rows it has."""
    standing = ForecastRollup.objects.filter(venue=venue, hour_ts=hour_ts)
    said = standing.aggregate(said=Sum("said"))["said"] or 0
    return said, _in_hour(venue, hour_ts).count()


def hours_from_rows(venue: str, hour_ts: int, *, first: int | None = None) -> Iterator[Hour]:
    """Yield an hour as its rows have it, nothing stored; of the rows that came first, so many."""
    rows = _in_hour(venue, hour_ts)
    if first is not None:
        after = rows.order_by("id").values_list("id", flat=True)[first : first + 1]
        rows = rows.filter(id__lt=after[0]) if after else rows
    for symbol in _symbols(venue):
        yield from (hour for _, hour in _of_rows(rows.filter(symbol=symbol)))


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


def _symbols(venue: str) -> Iterator[str]:
    # One look into the index each.
    rows = Forecast.objects.filter(venue=venue).order_by("symbol").values_list("symbol", flat=True)
    symbol = rows.first()
    while symbol is not None:
        yield symbol
        symbol = rows.filter(symbol__gt=symbol).first()


def _of_rows(rows: QuerySet[Forecast]) -> list[tuple[Place, Hour]]:
    found = rows.order_by("predicted_at", "id")
    first: dict[HourKey, Place] = {}
    read = []
    for id_, *values in found.values_list("id", *ROW_FIELDS).iterator(ROWS_A_CHUNK):
        row = ForecastRow(*values)
        first.setdefault(row.hour, (row.prediction_ts, id_))
        read.append(row)
    return [(first[hour.key], hour) for hour in add_up(read)]


def packed(hour: Hour) -> ForecastRollup:
    """Return an hour as it is stored."""
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
