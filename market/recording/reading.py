"""Reads one symbol's recording back: its segments, its cells, its feature rows.

Read by the replay of a recording, by training and by the audits. Sealed hours and those that
are still spooled are read alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from market.events import AnyEvent, DepthSnapshot
from market.feeds import Batch, FeedError
from market.hot.features import WARM_UP_MS, FeatureRow
from market.hot.tracking import MarketTracker
from market.hot.vector import CELL_MS
from market.recording.places import (
    EVENTS,
    FEATURES,
    HOUR_MS,
    SymbolFolder,
    hour_start_ms,
)
from market.recording.spool import Cell, SpoolError, SpoolReader, event_of
from market.recording.tables import (
    ANCHOR,
    BEGIN,
    EVENT_SCHEMA,
    FEATURE_SCHEMA,
    cells_of,
    spooled_tables,
)

_HOURS_KEPT = 2


class RecordingError(FeedError):
    """A recording's file is damaged or none of ours; names it. A person acts."""


@dataclass(slots=True)
class Segment:
    """An unbroken stretch: cell ends in ms. fresh: all windows were empty before its first.

    played_ms: the first cell that was written to `feat:`, behind a pre-roll; None: none was.
    anchors: ends of cells behind which a reader can begin.
    """

    number: int
    first_ms: int
    last_ms: int
    fresh: bool = False
    played_ms: int | None = None
    anchors: list[int] = field(default_factory=list)

    def exact_from(self) -> int | None:
        """Return the first cell whose features can be computed bit for bit; None: none can."""
        if self.fresh:
            return self.first_ms
        return self.anchors[0] + WARM_UP_MS if self.anchors else None

    def start_for(self, cell_ms: int) -> int | None:
        """Return the anchor to begin behind, so that this cell's features are exact.

        first_ms - CELL_MS: begin at the beginning. None where they cannot be.
        """
        able = [each for each in self.anchors if each <= cell_ms - WARM_UP_MS]
        if able:
            return able[-1]
        return self.first_ms - CELL_MS if self.fresh and cell_ms >= self.first_ms else None


class SymbolRecording:
    """One symbol's recording in one venue, or one hour of it."""

    def __init__(self, folder: SymbolFolder, hour: str | None = None) -> None:
        self.folder = folder
        self._hour = hour
        self._tables: dict[tuple[str, str], pl.DataFrame] = {}

    @property
    def symbol(self) -> str:
        return self.folder.symbol

    def hours(self) -> list[str]:
        """Return the hours of which anything is there, oldest first."""
        if self._hour is not None:
            return [self._hour]
        spooled = {each.hour for each in self.folder.spools()}
        return sorted({*self.folder.hours(), *spooled})

    def files(self) -> list[Path]:
        """Return every file that holds events, oldest first."""
        if self._hour is not None:
            return [self.folder.parquet(EVENTS, self._hour)]
        return self.folder.event_files()

    def segments(self) -> list[Segment]:
        """Return the segments, oldest first. Raises RecordingError."""
        found: dict[int, Segment] = {}
        for hour in self.hours():
            table = self._table(EVENTS, hour)
            bounds = table.group_by("segment").agg(
                pl.col("cell_ms").min().alias("first"),
                pl.col("cell_ms").max().alias("last"),
                (pl.col("part") == BEGIN).any().alias("fresh"),
                pl.col("cell_ms").filter(pl.col("part") == ANCHOR).unique().sort(),
            )
            for number, first, last, fresh, anchors in bounds.iter_rows():
                segment = found.setdefault(number, Segment(number, first, last))
                segment.last_ms = max(segment.last_ms, last)
                segment.first_ms = min(segment.first_ms, first)
                segment.fresh = segment.fresh or fresh
                segment.anchors += anchors
            played = self._table(FEATURES, hour).group_by("segment").agg(pl.col("cell_ms").min())
            for number, first in played.iter_rows():
                segment = found.setdefault(number, Segment(number, first, first))
                segment.played_ms = min(first, segment.played_ms or first)
        for segment in found.values():
            if not segment.fresh:
                segment.played_ms = segment.first_ms  # a loss is behind it, no pre-roll
        return [found[number] for number in sorted(found)]

    def cells(self, segment: Segment, after_ms: int, until_ms: int) -> Iterator[Cell]:
        """Yield what is recorded of (after_ms, until_ms]; empty cells may be left out.

        Raises RecordingError.
        """
        last_ms = min(until_ms, segment.last_ms)
        for hour in self._hours_between(after_ms, last_ms):
            wanted = self._table(EVENTS, hour).filter(
                (pl.col("segment") == segment.number)
                & (pl.col("cell_ms") > after_ms)
                & (pl.col("cell_ms") <= last_ms)
            )
            for _, _, cell in cells_of(wanted, self.symbol):
                yield cell

    def batches(
        self, segment: Segment, after_ms: int, until_ms: int
    ) -> Iterator[tuple[Batch, DepthSnapshot | None]]:
        """Yield every cell of (after_ms, until_ms] with the snapshot asked for at its end.

        Begins with the segment where after_ms lies before it. Raises RecordingError.
        """
        at_ms = max(after_ms, segment.first_ms - CELL_MS)
        for cell in self.cells(segment, after_ms, until_ms):
            for empty_ms in range(at_ms + CELL_MS, cell.until_ms, CELL_MS):
                yield Batch(empty_ms, []), None
            at_ms = cell.until_ms
            answer = None if cell.answer is None else event_of(cell.answer)
            yield (
                Batch(at_ms, [event_of(event) for event in cell.events]),
                answer if isinstance(answer, DepthSnapshot) else None,
            )
        for empty_ms in range(at_ms + CELL_MS, min(until_ms, segment.last_ms) + 1, CELL_MS):
            yield Batch(empty_ms, []), None

    def anchor(self, segment: Segment, cell_ms: int) -> list[AnyEvent]:
        """Return the events that stand for the state at a cell's end; none where none do."""
        return [
            event_of(event)
            for cell in self.cells(segment, cell_ms - 1, cell_ms)
            for event in cell.anchor
        ]

    def feature_table(self, hour: str) -> pl.DataFrame:
        """Return the feature rows of an hour as they were written. Raises RecordingError."""
        return self._table(FEATURES, hour)

    def _hours_between(self, after_ms: int, last_ms: int) -> list[str]:
        starts = {name: hour_start_ms(name) for name in self.hours()}
        return [
            name
            for name, start_ms in starts.items()
            if start_ms <= last_ms and start_ms + HOUR_MS > after_ms
        ]

    def _table(self, kind: str, hour: str) -> pl.DataFrame:
        key = kind, hour
        table = self._tables.get(key)
        if table is None:
            table = _read(self.folder, kind, hour)
            while len(self._tables) >= _HOURS_KEPT:
                del self._tables[next(iter(self._tables))]
            self._tables[key] = table
        return table


class _Answers:
    """What a tracker asks of a feed: the snapshot that was answered at the time."""

    def __init__(self, folder: SymbolFolder) -> None:
        self.symbols = (folder.symbol,)
        self.anchored_in_stream = frozenset(self.symbols if folder.of_exchange else ())
        self.answer: DepthSnapshot | None = None

    def snapshot(self, symbol: str) -> DepthSnapshot | None:
        return self.answer


def exact_rows(
    recording: SymbolRecording, segment: Segment, from_ms: int, until_ms: int
) -> Iterator[tuple[int, FeatureRow]]:
    """Yield (cell end, features) for every cell of [from_ms, until_ms], bit for bit as live.

    Yields none before the segment's features can be exact. Raises RecordingError.
    """
    start = segment.start_for(from_ms)
    if start is None:
        exact = segment.exact_from()
        if exact is None or exact > until_ms:
            return
        from_ms = exact
        start = segment.start_for(from_ms)
    if start is None:
        return
    answers = _Answers(recording.folder)
    tracker = MarketTracker(answers)
    features = tracker.symbols[recording.symbol]
    for event in recording.anchor(segment, start):
        features.apply(event)
    for batch, answer in recording.batches(segment, start, until_ms):
        answers.answer = answer
        row = tracker.advance(batch)[recording.symbol]
        if batch.until_ms >= from_ms:
            yield batch.until_ms, row


def open_recording(path: Path) -> SymbolRecording | None:
    """Return the recording of a symbol's folder, or of one hour's file in its `events`.

    None where it is neither.
    """
    if path.is_file() and path.suffix == ".parquet" and path.parent.name == EVENTS:
        return SymbolRecording(SymbolFolder(path.parents[1]), path.stem)
    folder = SymbolFolder(path)
    there = path.is_dir() and (folder.hours() or folder.spools())
    return SymbolRecording(folder) if there else None


def _read(folder: SymbolFolder, kind: str, hour: str) -> pl.DataFrame:
    schema = EVENT_SCHEMA if kind == EVENTS else FEATURE_SCHEMA
    path = folder.parquet(kind, hour)
    tables = [pl.DataFrame(schema=schema)]
    if path.exists():
        tables.append(_read_parquet(path, schema))
    sealed = set(tables[-1]["segment"].unique())
    for spool in folder.spools():
        if spool.hour != hour or spool.segment in sealed:
            continue
        try:
            reader = SpoolReader(spool.path)
        except FileNotFoundError:
            continue  # sealed just now; the next reading finds it in Parquet
        except (SpoolError, OSError) as error:
            raise RecordingError(str(error)) from error
        events, features = spooled_tables(reader, folder.symbol)
        tables.append(events if kind == EVENTS else features)
    return pl.concat(tables)


def _read_parquet(path: Path, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    try:
        table = pl.read_parquet(path.read_bytes(), hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        problem = str(error).splitlines()[0]
        raise RecordingError(f"{path}: cannot be read: {problem}") from error
    missing = [name for name, kind in schema.items() if table.schema.get(name) != kind]
    if missing:
        raise RecordingError(f"{path}: lacks the columns {', '.join(missing)}")
    return table.select(list(schema))
