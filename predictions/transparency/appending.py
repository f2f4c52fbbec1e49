"""Appending to the log: new entries get their leaf index, exactly once, whoever stores them.

Called by the recorders inside their transaction: an entry and what was said in it are stored
together or not at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.db.transaction import TransactionManagementError

from inference.handover.chain import entry_hash
from predictions.models import LedgerEntry
from predictions.transparency.tiles import log_size, write_tiles
from predictions.transparency.tree import leaf_hash

LOCK = 0x6C6564676572
"""Of the database's advisory locks, the one under which the log grows."""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A packed entry as it came from a log. made_ts: market time in ms; prev: 32 bytes."""

    engine: str
    venue: str
    shard: int
    number: int
    stream_id: str
    made_ts: int
    prev: bytes
    packed: bytes
    hash: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", entry_hash(self.packed))

    @property
    def stream_ms(self) -> int:
        """When it reached the log, by Redis' clock."""
        return int(self.stream_id.partition("-")[0])

    @property
    def leaf_hash(self) -> bytes:
        return leaf_hash(leaf_data(self.stream_id, self.packed))


@dataclass(frozen=True, slots=True)
class Appended:
    """leaves: the leaf index of each entry by its hash; new: hashes that were not there yet."""

    leaves: dict[bytes, int]
    new: frozenset[bytes]


def append_entries(entries: Sequence[NewEntry]) -> Appended:
    """Give each entry its leaf, in order; one that is in the log already keeps its own.

    In the caller's transaction, which then has the log to itself until it ends. Raises
    TransactionManagementError outside of one.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("the log grows only inside a transaction")
    lock_log()
    by_hash = {entry.hash: entry for entry in entries}
    stored = LedgerEntry.objects.filter(entry_hash__in=list(by_hash)).order_by()
    leaves = {bytes(digest): index for digest, index in stored.values_list("entry_hash", "index")}
    new = [digest for digest in by_hash if digest not in leaves]
    if new:
        size = log_size()
        rows = [_row(index, by_hash[digest]) for index, digest in enumerate(new, size)]
        LedgerEntry.objects.bulk_create(rows)
        write_tiles(size, [bytes(row.leaf_hash) for row in rows])
        leaves |= {digest: index for index, digest in enumerate(new, size)}
    return Appended(leaves, frozenset(new))


def leaf_data(stream_id: str, packed: bytes) -> bytes:
    """Return what a leaf is the hash of: when the entry reached its log, and its bytes.

    The first decides whether a prediction came late, so it must not be changed afterwards either.
    """
    return f"{stream_id}\n".encode() + packed


def lock_log() -> None:
    """Keep others from appending, or signing a checkpoint, until the transaction ends."""
    # SQLite: transactions are IMMEDIATE here, so that there is only one writer anyway.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _row(index: int, entry: NewEntry) -> LedgerEntry:
    return LedgerEntry(
        index=index,
        engine=entry.engine,
        venue=entry.venue,
        shard=entry.shard,
        number=entry.number,
        stream_id=entry.stream_id,
        stream_ms=entry.stream_ms,
        made_ts=entry.made_ts,
        entry_hash=entry.hash,
        prev_hash=entry.prev,
        leaf_hash=entry.leaf_hash,
        packed=entry.packed,
    )
