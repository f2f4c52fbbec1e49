"""What the ledger, the files beside it and the streams hold, and what a day of it costs.

Read by `manage.py storage_report`. What cannot be known yet is None, not zero.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import redis
from django.db import DatabaseError, connection
from django.db.models import Count, Max, Min, Model
from django.db.models.functions import Length

from inference.vocabulary import ENGINES
from market import keys
from predictions.models import (
    Checkpoint,
    Forecast,
    ForecastOutcome,
    ForecastRollup,
    LedgerEntry,
    LogTile,
    Signal,
    SignalGap,
    SignalOutcome,
)

LEAST_HOURS = 1.0
"""Of recording, before a day is reckoned from it."""

WHEN: Mapping[type[Model], str] = {
    Forecast: "leaf__recorded_at",
    ForecastOutcome: "graded_at",
    LedgerEntry: "recorded_at",
    Signal: "leaf__recorded_at",
    SignalGap: "leaf__recorded_at",
    SignalOutcome: "graded_at",
    Checkpoint: "signed_at",
}
"""Which of a table's times says when a row came."""

TABLES: tuple[type[Model], ...] = (*WHEN, ForecastRollup, LogTile)
PRUNED = frozenset({Forecast, ForecastOutcome})
OF_SYMBOLS = frozenset({Forecast, ForecastOutcome, ForecastRollup, LedgerEntry})
SAMPLE = 1_000


class Folder(NamedTuple):
    """Where files of one kind lie, and for how many days; 0: for good.

    rewritten: its files change as a whole, so when they were written tells nothing of a day.
    """

    path: Path
    days: int
    rewritten: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of what is kept. at_retention: bytes once it has grown as far as it will; None
    where it grows on, or nothing is known."""

    name: str
    rows: int | None
    bytes: int | None
    rows_a_day: float | None = None
    bytes_a_day: float | None = None
    bytes_a_day_and_symbol: float | None = None
    at_retention: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """database: bytes of all of it, free pages too. symbols: forecast in the last day.
    day_known_at: from when on a day of the tables can be reckoned; None where nothing is recorded.
    """

    database: int | None
    symbols: int
    retention_days: int
    recorded_hours: float
    tables: list[Kept]
    files: list[Kept]
    streams: list[Kept]
    day_known_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        known_at = self.day_known_at
        return asdict(self) | {"day_known_at": None if known_at is None else known_at.isoformat()}


def storage_report(
    client: redis.Redis | None, folders: Mapping[str, Folder], *, days: int, cluster: bool = False
) -> Report:
    """Measure everything. folders: by kind; days: FORECAST_RETENTION_DAYS.

    Raises django.db.DatabaseError or redis.RedisError where one of them does not answer.
    """
    since = datetime.now(UTC) - timedelta(days=1)
    recent = LedgerEntry.objects.filter(recorded_at__gte=since)
    first = recent.aggregate(first=Min("recorded_at"))["first"]
    hours = 0.0 if first is None else (datetime.now(UTC) - first).total_seconds() / 3600
    symbols = Forecast.objects.filter(leaf__recorded_at__gte=since).aggregate(
        count=Count("symbol", distinct=True)
    )["count"]
    sizes = _table_bytes()
    tables = [_table(model, sizes, since, hours, symbols, days) for model in TABLES]
    return Report(
        database=database_bytes(),
        symbols=symbols,
        retention_days=days,
        recorded_hours=round(hours, 2),
        tables=tables,
        files=[_folder(name, folder) for name, folder in folders.items()],
        streams=[] if client is None else list(_streams(client, cluster=cluster)),
        day_known_at=None if first is None else first + timedelta(hours=LEAST_HOURS),
    )


def _table(
    model: type[Model],
    sizes: Mapping[str, int],
    since: datetime,
    hours: float,
    symbols: int,
    days: int,
) -> Kept:
    rows = model._default_manager.count()
    size = sizes.get(model._meta.db_table)
    a_day = None
    if model in WHEN and hours >= LEAST_HOURS:
        came = model._default_manager.filter(**{f"{WHEN[model]}__gte": since}).count()
        a_day = came * 24 / min(hours, 24.0)
    elif model is ForecastRollup and rows:
        ends = ForecastRollup.objects.aggregate(first=Min("hour_ts"), last=Max("hour_ts"))
        a_day = rows * 24 / ((ends["last"] - ends["first"]) / 3_600_000 + 1)
    elif model is LogTile and hours >= LEAST_HOURS:
        came = LedgerEntry.objects.filter(recorded_at__gte=since).count()
        a_day = came / 255 * 24 / min(hours, 24.0)
    bytes_a_day = None if a_day is None or not rows or size is None else a_day * size / rows
    each_day = bytes_a_day if model in PRUNED else None
    if model is LedgerEntry and a_day is not None:
        each_day = a_day * _packed_bytes()  # what is left of a pruned entry grows on
    return Kept(
        name=model._meta.db_table,
        rows=rows,
        bytes=size,
        rows_a_day=a_day,
        bytes_a_day=bytes_a_day,
        bytes_a_day_and_symbol=(
            bytes_a_day / symbols if bytes_a_day and symbols and model in OF_SYMBOLS else None
        ),
        at_retention=each_day * days if each_day and days else None,
    )


def _packed_bytes() -> float:
    newest = LedgerEntry.objects.filter(packed__isnull=False).order_by("-index")
    sizes = newest.annotate(size=Length("packed")).values_list("size", flat=True)[:SAMPLE]
    return sum(sizes) / max(1, len(sizes))


def _table_bytes() -> dict[str, int]:
    # With the indexes, which are half of it; empty where SQLite was built without its statistics.
    if connection.vendor == "postgresql":
        question = "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r'"
    else:
        question = (
            "SELECT m.tbl_name, SUM(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name"
            " WHERE s.aggregate = TRUE GROUP BY m.tbl_name"
        )
    try:
        with connection.cursor() as cursor:
            cursor.execute(question)
            return {name: int(size) for name, size in cursor.fetchall()}
    except DatabaseError as error:
        if "dbstat" not in str(error):
            raise
        return {}


def database_bytes() -> int:
    """Return how large the database is. Raises django.db.DatabaseError."""
    question = (
        "SELECT pg_database_size(current_database())"
        if connection.vendor == "postgresql"
        else "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    )
    with connection.cursor() as cursor:
        cursor.execute(question)
        return int(cursor.fetchone()[0])


def _folder(name: str, folder: Folder) -> Kept:
    files = folder.path.rglob("*") if folder.path.is_dir() else ()
    sizes = [size for each in files if (size := _size(each)) is not None]
    day = datetime.now(UTC).timestamp() - 86_400
    written = float(sum(each.st_size for each in sizes if each.st_mtime >= day))
    daily = bool(sizes) and not folder.rewritten
    return Kept(
        name,
        len(sizes),
        sum(each.st_size for each in sizes),
        bytes_a_day=written if daily else None,
        at_retention=written * folder.days if daily and folder.days else None,
    )


def _size(path: Path) -> os.stat_result | None:
    try:
        return path.stat() if path.is_file() else None
    except FileNotFoundError:  # removed or renamed meanwhile
        return None


def _streams(client: redis.Redis, *, cluster: bool) -> Iterator[Kept]:
    for engine in ENGINES:
        key = keys.log(engine, cluster=cluster)
        count: Any = client.xlen(key)
        size: Any = client.memory_usage(key, samples=100)
        yield Kept(f"log:{engine}", count, size or 0, *_stream_day(client, key, count, size))


def _stream_day(
    client: redis.Redis, key: str, count: int, size: int | None
) -> tuple[float | None, float | None]:
    ends: list[Any] = [client.xrange(key, count=1), client.xrevrange(key, count=1)]
    if not size or not all(ends):
        return None, None
    first, last = (int(entries[0][0].split(b"-")[0]) for entries in ends)
    if last - first < LEAST_HOURS * 3_600_000:
        return None, None
    share = 86_400_000 / (last - first)
    return count * share, size * share
