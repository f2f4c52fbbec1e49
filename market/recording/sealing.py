"""Seals recordings: spools become Parquet, one file an hour and symbol; old hours go.

Run as a process of its own, so that an hour's end stalls no cell:

    python -m market.recording.sealing ROOT RETENTION_DAYS
"""

import fcntl
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl
import structlog

from market.files import replace_whole
from market.recording.places import EVENTS, FEATURES, SpoolFile, SymbolFolder, symbol_folders
from market.recording.spool import SpoolError, SpoolReader, is_held
from market.recording.tables import spooled_tables

ROWS_A_GROUP = 50_000
"""So that a reader of some minutes reads some minutes."""

UNREADABLE = ".unreadable"
SECONDS_A_DAY = 86_400

log = structlog.get_logger(__name__)


def seal_all(root: Path, retention_days: int, now: Callable[[], float] = time.time) -> Counter[str]:
    """Seal every spool that nobody writes to, remove what is too old; count what was done.

    What cannot be sealed is logged, counted and left for the next time. Raises OSError where
    the root cannot be written.
    """
    counts: Counter[str] = Counter()
    with _alone(root):
        for folder in symbol_folders(root):
            for hour in sorted({each.hour for each in folder.spools()}):
                try:
                    counts += seal_hour(folder, hour)
                except (OSError, pl.exceptions.PolarsError, ValueError) as error:
                    counts["hours_not_sealed"] += 1
                    log.error("hour_not_sealed", path=str(folder.path), hour=hour, error=str(error))
        counts["files_pruned"] += prune(root, now() - retention_days * SECONDS_A_DAY)
    return counts


def seal_hour(folder: SymbolFolder, hour: str) -> Counter[str]:
    """Add an hour's spools to its Parquet files; count. Doing it again changes nothing.

    Raises OSError, polars' errors, ValueError; what was there is then there still.
    """
    counts: Counter[str] = Counter()
    spools = [each for each in folder.spools() if each.hour == hour and _is_over(each.path)]
    events: list[pl.DataFrame] = []
    features: list[pl.DataFrame] = []
    sealed: list[SpoolFile] = []
    for each in spools:
        try:
            reader = SpoolReader(each.path)
        except SpoolError as error:
            log.error("spool_unreadable", path=str(each.path), error=str(error))
            counts["spools_unreadable"] += 1
            each.path.rename(each.path.with_suffix(UNREADABLE))
            continue
        seen, rows = spooled_tables(reader, folder.symbol)
        if reader.torn:
            counts["spools_torn"] += 1
            log.warning("spool_torn", path=str(each.path), bytes_dropped=reader.torn)
        events.append(seen)
        features.append(rows)
        sealed.append(each)
    if sealed:
        _add(folder.parquet(EVENTS, hour), events)
        _add(folder.parquet(FEATURES, hour), features)
        counts["hours_sealed"] += 1
    for each in sealed:
        each.path.unlink()
    return counts


def prune(root: Path, before: float) -> int:
    """Remove files last written before a wall time (s), and empty folders; return how many."""
    removed = 0
    for folder in symbol_folders(root):
        for path in folder.path.glob("*/*"):
            if path.name.endswith((".parquet", UNREADABLE)) and path.stat().st_mtime < before:
                path.unlink()
                removed += 1
        _remove_where_empty(folder.path)
    if removed:
        log.info("recordings_pruned", files=removed)
    return removed


def _add(path: Path, tables: list[pl.DataFrame]) -> None:
    whole = pl.concat(tables)
    if path.exists():
        # A segment that is there already was sealed by a process that died before its end.
        known = pl.read_parquet(path.read_bytes(), hive_partitioning=False)
        old = known.filter(~pl.col("segment").is_in(whole["segment"].unique().implode()))
        whole = pl.concat([old, whole])
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_whole(
        path,
        lambda file: whole.write_parquet(
            file, compression="zstd", compression_level=9, row_group_size=ROWS_A_GROUP
        ),
    )


def _remove_where_empty(folder: Path) -> None:
    for path in (*folder.glob("*"), folder, folder.parent):
        try:
            path.rmdir()
        except OSError:
            continue  # not empty, or a spool was begun in it just now


def _is_over(spool: Path) -> bool:
    # An empty one was opened just now: its writer has not come to hold it yet.
    return spool.stat().st_size > 0 and not is_held(spool)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    # What was done is told on stdout, to the process that asked for it.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    root, days = sys.argv[1:]
    counts = seal_all(Path(root), int(days))
    with suppress(BrokenPipeError):  # who asked may have ended meanwhile
        print(json.dumps(counts), flush=True)
    return 1 if counts["hours_not_sealed"] else 0


if __name__ == "__main__":
    sys.exit(main())
