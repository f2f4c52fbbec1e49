"""Entries against their hashes, and the tree that grows from them against tiles and checkpoints."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from inference.handover.chain import EntryFormatError
from inference.vocabulary import SIGNALS
from predictions.models import LedgerEntry, LogTile
from predictions.rows.forecast_rows import TickRows, tick_rows
from predictions.rows.signal_rows import BatchRows, batch_rows
from predictions.transparency.tiles import (
    LEVELS,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    Place,
    log_size,
)
from predictions.transparency.tree import HASH_BYTES, complete_root
from predictions.verifying.findings import Finding, Findings, Kind
from predictions.verifying.prunings import Prunings, stored_times

ENTRIES_A_TIME = 32
"""Held at once, with the rows they were made into."""

HASHES_NAMED = 3
"""Of a tile; more that differ in it are counted."""

Made = TickRows | BatchRows
TICKS_FIRST: tuple[Callable[[str, bytes], Made], ...] = (tick_rows, batch_rows)


@dataclass(slots=True)
class Leaf:
    """One place in the log. hash: of its bytes, else as stored; made: the rows its bytes say."""

    index: int
    hash: bytes
    row: LedgerEntry | None = None
    made: Made | None = None


@dataclass(slots=True)
class LeafWalk:
    """Goes through the first `size` entries in order, and names what differs in them."""

    findings: Findings
    prunings: Prunings
    size: int

    def chunks(self) -> Iterator[list[Leaf]]:
        """Yield the leaves, a few at a time; a missing one has the hash that its tile holds."""
        for row in LedgerEntry.objects.filter(index__lt=0).only("index"):
            self.findings.add(Finding(Kind.INSERTED, "LedgerEntry", str(row.index)))
        for start in range(0, self.size, ENTRIES_A_TIME):
            end = min(start + ENTRIES_A_TIME, self.size)
            rows = {
                row.index: row
                for row in LedgerEntry.objects.filter(index__gte=start, index__lt=end).defer(
                    "recorded_at"
                )
            }
            pruned = [row.index for row in rows.values() if row.packed is None]
            stored = stored_times(pruned) if pruned else {}
            yield [self._leaf(index, rows.get(index), stored) for index in range(start, end)]

    def _leaf(self, index: int, row: LedgerEntry | None, stored: dict[int, datetime]) -> Leaf:
        if row is None:
            self.findings.add(Finding(Kind.REMOVED, "LedgerEntry", str(index)))
            return Leaf(index, _hash_in_tile(index))
        self.findings.checked["entries"] += 1
        if row.packed is None:
            self._check_pruned(row, stored.get(index))
            return Leaf(index, as_bytes(row.leaf_hash), row)
        made = self._made(row)
        if made is None:
            return Leaf(index, as_bytes(row.leaf_hash), row)
        logged = made.logged
        self.findings.compare(
            "LedgerEntry",
            index,
            {
                name: (getattr(row, name), expected)
                for name, expected in (
                    ("engine", logged.engine),
                    ("venue", logged.venue),
                    ("shard", logged.shard),
                    ("number", logged.number),
                    ("made_ts", logged.made_ts),
                    ("stream_ms", logged.stream_ms),
                    ("entry_hash", logged.hash),
                    ("prev_hash", logged.prev),
                    ("leaf_hash", logged.leaf_hash),
                )
            },
        )
        return Leaf(index, logged.leaf_hash, row, made)

    def _made(self, row: LedgerEntry) -> Made | None:
        first, second = TICKS_FIRST if row.engine != SIGNALS else TICKS_FIRST[::-1]
        packed, why = as_bytes(row.packed), ""
        for read in (first, second):
            try:
                return read(row.stream_id, packed)
            except EntryFormatError as error:
                why = why or str(error)
        self.findings.altered("LedgerEntry", row.index, "packed", row.packed, "an entry", why)
        return None

    def _check_pruned(self, row: LedgerEntry, stored_at: datetime | None) -> None:
        if self.prunings.entry_covered(row, stored_at):
            self.findings.checked["pruned entries"] += 1
            return
        self.findings.altered(
            "LedgerEntry", row.index, "packed", None, "an entry", "no pruning could take it"
        )


@dataclass(slots=True)
class TileWalk:
    """Makes the tiles again from the leaves, and compares. Holds one tile a level."""

    findings: Findings
    _hashes: list[list[bytes]] = field(init=False, default_factory=lambda: [[]])
    _numbers: list[int] = field(init=False, default_factory=lambda: [0])

    def add(self, leaf: bytes, level: int = 0) -> None:
        """Take the next hash of a level."""
        if level == len(self._hashes):
            self._hashes.append([])
            self._numbers.append(0)
        hashes = self._hashes[level]
        hashes.append(leaf)
        if len(hashes) == TILE_WIDTH:
            made = b"".join(hashes)
            hashes.clear()
            place = Place(level, self._numbers[level])
            self._numbers[level] += 1
            self.add(self._compare(place, made), level + 1)

    def find_inserted(self, size: int) -> None:
        """Name tiles that the log cannot have; it had `size` entries at the start."""
        beyond = Q(level__gte=LEVELS) | Q(index__lt=0)
        for level in range(LEVELS):
            beyond |= Q(level=level, index__gte=_tiles(size, level))
        for level, number in LogTile.objects.filter(beyond).values_list("level", "index"):
            # Asked after the tile was read: one that came meanwhile came with its entries.
            if not 0 <= number < _tiles(log_size(), level):
                self.findings.add(Finding(Kind.INSERTED, "LogTile", f"{level}/{number}"))

    def _compare(self, place: Place, made: bytes) -> bytes:
        name, root = f"{place.level}/{place.number}", complete_root(made)
        row = LogTile.objects.filter(level=place.level, index=place.number).first()
        if row is None:
            self.findings.add(Finding(Kind.REMOVED, "LogTile", name))
            return root
        self.findings.checked["tiles"] += 1
        stored = as_bytes(row.hashes)
        if stored != made:
            self._name_differing(place, stored, made)
        self.findings.compare("LogTile", name, {"root": (row.root, root)})
        return root

    def _name_differing(self, place: Place, stored: bytes, made: bytes) -> None:
        name = f"{place.level}/{place.number}"
        if len(stored) != TILE_BYTES:
            self.findings.altered(
                "LogTile", name, "hashes", f"{len(stored)} bytes", f"{TILE_BYTES} bytes"
            )
            return
        spans = [slice(at, at + HASH_BYTES) for at in range(0, TILE_BYTES, HASH_BYTES)]
        differing = [at for at, span in enumerate(spans) if stored[span] != made[span]]
        for at in differing[:HASHES_NAMED]:
            number = place.number * TILE_WIDTH + at
            what = f"entry {number}" if place.level == 0 else f"tile {place.level - 1}/{number}"
            why = f"of {what}: the tile and what is below it disagree"
            is_, expected = stored[spans[at]], made[spans[at]]
            self.findings.altered("LogTile", name, "hashes", is_, expected, why)
        more = len(differing) - HASHES_NAMED
        if more > 0:
            told = f"{more} more of its {TILE_WIDTH} hashes are not those of what is below it"
            self.findings.add(Finding(Kind.ALTERED, "LogTile", name, message=told))


def _tiles(size: int, level: int) -> int:
    return size >> (TILE_HEIGHT * (level + 1)) if level < LEVELS else 0


def as_bytes(value: object) -> bytes:
    """Return stored bytes; none where SQLite was given something else in their place."""
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b""


def _hash_in_tile(index: int) -> bytes:
    tile = LogTile.objects.filter(level=0, index=index >> TILE_HEIGHT).first()
    if tile is None:
        return bytes(HASH_BYTES)
    at = (index & (TILE_WIDTH - 1)) * HASH_BYTES
    return bytes(tile.hashes)[at : at + HASH_BYTES]
