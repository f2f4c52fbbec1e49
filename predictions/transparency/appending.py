"""Appending to the transparency log: each packed entry once, in the order it is stored.

Read by the recorder, inside the transaction that stores what the entries say.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Max

from predictions.models import LedgerEntry

LEAF_PREFIX = b"\x00"


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

    @property
    def stream_ms(self) -> int:
        """When it reached the log, by Redis' clock."""
        return int(self.stream_id.partition("-")[0])

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(self.packed).digest()


@dataclass(frozen=True, slots=True)
class Appended:
    """leaves: the leaf index of each entry by its hash; new: hashes that were not there yet."""

    leaves: dict[bytes, int]
    new: frozenset[bytes]


def append_entries(entries: Sequence[NewEntry]) -> Appended:
    """Store entries as leaves, in the caller's transaction; what is there keeps its index."""
    by_hash = {entry.hash: entry for entry in entries}
    leaves = {
        bytes(digest): index
        for digest, index in LedgerEntry.objects.filter(entry_hash__in=by_hash).values_list(
            "entry_hash", "index"
        )
    }
    new = [digest for digest in by_hash if digest not in leaves]
    newest = LedgerEntry.objects.aggregate(newest=Max("index"))["newest"]
    first = 0 if newest is None else newest + 1
    LedgerEntry.objects.bulk_create(
        [_row(index, digest, by_hash[digest]) for index, digest in enumerate(new, first)]
    )
    leaves |= {digest: index for index, digest in enumerate(new, first)}
    return Appended(leaves, frozenset(new))


def _row(index: int, digest: bytes, entry: NewEntry) -> LedgerEntry:
    return LedgerEntry(
        index=index,
        engine=entry.engine,
        venue=entry.venue,
        shard=entry.shard,
        number=entry.number,
        stream_id=entry.stream_id,
        stream_ms=entry.stream_ms,
        made_ts=entry.made_ts,
        entry_hash=digest,
        prev_hash=entry.prev,
        leaf_hash=hashlib.sha256(LEAF_PREFIX + entry.packed).digest(),
        packed=entry.packed,
    )
