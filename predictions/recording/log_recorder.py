"""Recording one engine's log: take, store, acknowledge, so that nothing is lost or doubled.

What an entry becomes is the subclass's: forecasts with their grading, or signals. An entry is
acknowledged only after its commit, and storing it twice changes nothing, whatever is killed when.
"""

import time
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import structlog
from django.db import DataError, IntegrityError

from inference.handover.chain import EntryFormatError, entry_hash
from predictions.models import LedgerEntry
from predictions.recording.admission import Admission
from predictions.recording.log_reader import ENTRIES_A_TIME, RETENTION_MS, LogEntry, LogReader
from predictions.rows.claim import Claim

log = structlog.get_logger(__name__)

TRIM_EVERY_SECONDS = 60.0
TELL_SECONDS = 600.0
"""So long after an entry was set aside the heartbeat says so."""
MOST_ENTRIES_A_TIME = 512
BYTES_A_TIME = 4_000_000
"""Of entries in one transaction: some 14,000 forecasts, half a second during which the database
has no other writer. Small entries go by more at a time, so that a long log is caught up with."""


@dataclass(slots=True)
class LogTally:
    """What this process did with one log since its start; part of its heartbeat.

    duplicates: entries that came again and were in the ledger already. refused: those among the
    dead letters that their market's time or kind contradicts. strangers: stored, but of another
    market than the one that ran.
    """

    entries: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    refused: int = 0
    strangers: int = 0
    vanished: int = 0
    trimmed: int = 0
    last_entry_id: str = ""


class Rows(Protocol):
    """One entry, ready for the ledger."""

    @property
    def entry_id(self) -> str: ...

    @property
    def claim(self) -> Claim: ...


RowsT = TypeVar("RowsT", bound=Rows)


@dataclass(slots=True)
class LogRecorder(ABC, Generic[RowsT]):
    """Stores one log, a batch a step."""

    reader: LogReader
    retention_ms: int = field(default=RETENTION_MS, kw_only=True)
    tally: LogTally = field(init=False, default_factory=LogTally)
    admission: Admission = field(init=False)
    _trimmed_at: float = field(init=False, default=float("-inf"))
    _buried_at: float = field(init=False, default=float("-inf"))
    _burial: str = field(init=False, default="")
    _entries_a_time: int = field(init=False, default=ENTRIES_A_TIME)

    def __post_init__(self) -> None:
        self.admission = Admission(self.reader.client)

    def step(self, limit: int = MOST_ENTRIES_A_TIME) -> bool:
        """Take, store and acknowledge some entries, at most `limit`; return whether there were any.

        Raises redis.RedisError or django.db.Error where one of the two is away; after that the
        same entries come again.
        """
        # First, so that it goes on while the database is away: what is committed may still go.
        self._trim()
        self._recover()
        try:
            entries = self.reader.take(min(limit, self._entries_a_time))
            if entries:
                self._record(entries)
            else:
                self._nothing_new()
        except BaseException:
            self.reader.rewind()
            raise
        return bool(entries)

    def detail(self) -> dict[str, Any]:
        """Return what the heartbeat tells of this log."""
        return asdict(self.tally)

    def trouble(self) -> str:
        """Return what was set aside of late, "" where nothing was."""
        if time.monotonic() - self._buried_at > TELL_SECONDS:
            return ""
        return (
            f"{self.tally.dead_letters} entries of {self.reader.key} were set aside, the last: "
            f"{self._burial}"
        )

    @abstractmethod
    def _rows(self, entry_id: str, packed: bytes) -> RowsT:
        """Unpack an entry. Raises EntryFormatError where it cannot become rows."""

    @abstractmethod
    def _store(self, entries: list[RowsT]) -> None:
        """Commit all of them, or none; what is stored already stays as it is."""

    def _recover(self) -> None:
        """Called before each step."""

    def _nothing_new(self) -> None:
        """Called in a step that found no entries."""

    def _record(self, entries: list[LogEntry]) -> None:
        fresh = self._unstored(entries)
        # After they were taken: the clock is at least as new as what they were made by.
        self.admission.look()
        unpacked = [rows for entry in fresh if (rows := self._read(entry)) is not None]
        try:
            self._store(unpacked)
        except (DataError, IntegrityError):
            # One of them is what the database refuses; the others must not wait for it.
            self._store_singly(entries, unpacked)
        self.reader.acknowledge(entries)
        self.tally.entries += len(entries)
        self.tally.duplicates += len(entries) - len(fresh)
        self.tally.last_entry_id = entries[-1].id
        size = sum(len(entry.packed or b"") for entry in entries) // len(entries)
        self._entries_a_time = min(
            MOST_ENTRIES_A_TIME, max(ENTRIES_A_TIME, BYTES_A_TIME // (size + 1))
        )

    def _unstored(self, entries: list[LogEntry]) -> list[LogEntry]:
        hashes = [entry_hash(entry.packed or b"") for entry in entries]
        stored = LedgerEntry.objects.filter(entry_hash__in=set(hashes)).order_by()
        seen = {bytes(digest) for digest in stored.values_list("entry_hash", flat=True)}
        fresh = []
        for digest, entry in zip(hashes, entries, strict=True):
            if entry.packed is None or digest not in seen:
                fresh.append(entry)
                seen.add(digest)
        return fresh

    def _read(self, entry: LogEntry) -> RowsT | None:
        if entry.foreign is not None:
            self._bury(entry, "it has no field `entry`: no loop of ours wrote it")
            return None
        if entry.packed is None:
            self.tally.vanished += 1
            log.error("entry_vanished", log=self.reader.key, entry=entry.id)
            return None
        try:
            rows = self._rows(entry.id, entry.packed)
        except EntryFormatError as error:
            self._bury(entry, str(error))
            return None
        return rows if self._admits(entry, rows.claim) else None

    def _admits(self, entry: LogEntry, claim: Claim) -> bool:
        refusal = self.admission.refusal(claim, entry.wall_ms)
        if refusal:
            self.tally.refused += 1
            self._bury(entry, refusal)
            return False
        if self.admission.is_stranger(claim, entry.wall_ms):
            self.tally.strangers += 1
            log.error(
                "entry_of_another_market",
                log=self.reader.key,
                entry=entry.id,
                venue=claim.venue,
                live=claim.live,
            )
        return True

    def _bury(self, entry: LogEntry, error: str) -> None:
        self.reader.bury(entry, error)
        self.tally.dead_letters += 1
        self._buried_at, self._burial = time.monotonic(), error
        log.error("entry_set_aside", log=self.reader.key, entry=entry.id, error=error)

    def _store_singly(self, entries: list[LogEntry], unpacked: list[RowsT]) -> None:
        by_id = {entry.id: entry for entry in entries}
        for rows in unpacked:
            try:
                self._store([rows])
            except (DataError, IntegrityError) as error:
                self._bury(by_id[rows.entry_id], str(error))

    def _trim(self) -> None:
        now = time.monotonic()
        if now - self._trimmed_at >= TRIM_EVERY_SECONDS:
            self.tally.trimmed += self.reader.trim(self.retention_ms)
            self._trimmed_at = now
