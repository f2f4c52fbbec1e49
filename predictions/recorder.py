"""The recorder: from `log:forecasts` to the ledger, graded as the market catches up.

Run by `manage.py run_recorder`. An entry is acknowledged only after its commit, and storing it
twice changes nothing: so nothing is lost and nothing is doubled, whatever is killed when.
"""

import time
from collections import defaultdict
from dataclasses import dataclass, field

import structlog
from django.db import DataError, IntegrityError, transaction

from inference.handover.chain import EntryFormatError
from predictions.broadcast import OutcomeBroadcast
from predictions.grading import Frame, Grader, Settlement
from predictions.log_reader import ENTRIES_A_TIME, RETENTION_MS, LogEntry, LogReader
from predictions.models import Forecast
from predictions.price_history import RedisPriceHistory
from predictions.rows import TickRows, tick_rows

log = structlog.get_logger(__name__)

QUIET_SECONDS = 30.0
"""A venue this long without an entry is graded by the market's clock instead of the log."""
LOOK_EVERY_SECONDS = 1.0
TRIM_EVERY_SECONDS = 60.0


@dataclass(slots=True)
class Tally:
    """What this process did since its start; part of its heartbeat."""

    entries: int = 0
    forecasts: int = 0
    outcomes: int = 0
    dead_letters: int = 0
    vanished: int = 0
    retries: int = 0
    trimmed: int = 0
    last_entry_id: str = ""
    last_tick_ms: int | None = None


@dataclass(slots=True)
class Recorder:
    """Stores and grades, a batch a step."""

    reader: LogReader
    history: RedisPriceHistory
    broadcast: OutcomeBroadcast
    retention_ms: int = RETENTION_MS
    quiet_seconds: float = QUIET_SECONDS
    grader: Grader = field(init=False)
    tally: Tally = field(init=False, default_factory=Tally)
    _seen_at: dict[str, float] = field(init=False, default_factory=dict)
    _recovered: bool = field(init=False, default=False)
    _looked_at: float = field(init=False, default=float("-inf"))
    _trimmed_at: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        self.grader = Grader(self.history)

    def step(self, limit: int = ENTRIES_A_TIME) -> bool:
        """Take, store, grade and acknowledge up to `limit` entries; return whether there were any.

        Raises redis.RedisError or django.db.Error where one of the two is away; after that the
        same entries come again.
        """
        self._recover()
        try:
            entries = self.reader.take(limit)
            if entries:
                self._record(entries)
            else:
                self._settle_quiet_venues()
        except BaseException:
            self.reader.rewind()
            raise
        self._trim()
        return bool(entries)

    def _recover(self) -> None:
        if not self._recovered:
            self.grader.recover()
            self._recovered = True

    def _record(self, entries: list[LogEntry]) -> None:
        ticks = [tick for entry in entries if (tick := self._read(entry)) is not None]
        try:
            self._store(ticks)
        except (DataError, IntegrityError):
            # One of them is what the database refuses; the others must not wait for it.
            self._store_singly(entries, ticks)
        self.reader.acknowledge(entries)
        self.tally.entries += len(entries)
        self.tally.last_entry_id = entries[-1].id

    def _read(self, entry: LogEntry) -> TickRows | None:
        if entry.packed is None:
            self.tally.vanished += 1
            log.error("entry_vanished", entry=entry.id)
            return None
        try:
            return tick_rows(entry.id, entry.packed)
        except EntryFormatError as error:
            self._bury(entry, error)
            return None

    def _bury(self, entry: LogEntry, error: Exception) -> None:
        self.reader.bury(entry, str(error))
        self.tally.dead_letters += 1
        log.error("entry_set_aside", entry=entry.id, error=str(error))

    def _store_singly(self, entries: list[LogEntry], ticks: list[TickRows]) -> None:
        by_id = {entry.id: entry for entry in entries}
        for tick in ticks:
            try:
                self._store([tick])
            except (DataError, IntegrityError) as error:
                self._bury(by_id[tick.entry_id], error)

    def _store(self, ticks: list[TickRows]) -> None:
        by_venue: defaultdict[str, list[TickRows]] = defaultdict(list)
        for tick in ticks:
            by_venue[tick.venue].append(tick)
        rows = [row for tick in ticks for row in tick.forecasts]
        with transaction.atomic():
            Forecast.objects.bulk_create(rows, ignore_conflicts=True)
            settlements = [self.grader.settle(venue, of) for venue, of in by_venue.items()]
        self._committed(settlements)
        self.tally.forecasts += len(rows)
        for tick in ticks:
            self._seen_at[tick.venue] = time.monotonic()
            self.tally.last_tick_ms = tick.tick_ms

    def _settle_quiet_venues(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < min(LOOK_EVERY_SECONDS, self.quiet_seconds):
            return
        self._looked_at = now
        for venue, progress in list(self.grader.progress.items()):
            if now - self._seen_at.setdefault(venue, now) < self.quiet_seconds:
                continue
            now_ms = self._market_ms(venue)
            if now_ms is None:
                # Another market runs now: this one is over, its last targets never come.
                now_ms = progress.last_target_ms + self.grader.tolerance_ms
            with transaction.atomic():
                settlement = self.grader.settle(venue, now_ms=now_ms)
            self._committed([settlement])
            if settlement.finished:
                del self.grader.progress[venue]
                del self._seen_at[venue]

    def _market_ms(self, venue: str) -> int | None:
        market = self.history.market_time()
        wall_ms = time.time_ns() / 1e6
        if market is None:
            return int(wall_ms)
        if market.venue != venue:
            return None
        return int(market.market_ms if market.lock_step else market.market_at(wall_ms))

    def _committed(self, settlements: list[Settlement]) -> None:
        frames: list[Frame] = []
        for settlement in settlements:
            self.grader.confirm(settlement)
            frames.extend(settlement.frames)
        self.tally.outcomes += len(frames)
        self.broadcast.send(frames)

    def _trim(self) -> None:
        now = time.monotonic()
        if now - self._trimmed_at >= TRIM_EVERY_SECONDS:
            self.tally.trimmed += self.reader.trim(self.retention_ms)
            self._trimmed_at = now
