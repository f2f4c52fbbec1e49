"""The tree in the database: 256 hashes of one level a row, written once, when they are all there.

What a tile will hold before it is full is read from below: leaf hashes from the entries, roots
of full tiles from the tiles. So an append writes few rows, and a proof reads a handful, for any
size up to the present one. The layout is that of C2SP tlog-tiles.
Source: https://c2sp.org/tlog-tiles
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from django.db.models import Max, Q

from predictions.models import LedgerEntry, LogTile
from predictions.transparency.tree import HASH_BYTES, Node, complete_root

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_BYTES = TILE_WIDTH * HASH_BYTES
LEVELS = 8
"""Levels that a tile can have: an index has 64 bits."""


class IncompleteTreeError(RuntimeError):
    """Hashes that were there are missing from the database: `verify_ledger` names what."""


class Place(NamedTuple):
    """A tile's."""

    level: int
    number: int


class Span(NamedTuple):
    """Hashes [start, start + width) of a tile."""

    start: int
    width: int


def log_size() -> int:
    """Return how many leaves there are."""
    newest: int | None = LedgerEntry.objects.aggregate(newest=Max("index"))["newest"]
    return 0 if newest is None else newest + 1


def read_nodes(nodes: Iterable[Node]) -> dict[Node, bytes]:
    """Return the hashes of complete subtrees.

    Raises IncompleteTreeError where a row that they are made of is not there.
    """
    placed = {node: _placed(node) for node in nodes}
    wanted: dict[Place, int] = {}
    for place, span in placed.values():
        wanted[place] = max(wanted.get(place, 0), span.start + span.width)
    hashes = _full_tiles(wanted)
    for place, count in wanted.items():
        if place not in hashes:
            hashes[place] = unfinished_tile(place, count)
    return {
        node: complete_root(_cut(hashes[place], span)) for node, (place, span) in placed.items()
    }


def read_tile(place: Place, width: int) -> bytes:
    """Return the first `width` hashes of a tile, full or not.

    Raises IncompleteTreeError where one of them is missing.
    """
    full = _full_tiles([place]).get(place)
    return _cut(full, Span(0, width)) if full else unfinished_tile(place, width)


def unfinished_tile(place: Place, count: int) -> bytes:
    """Return the first `count` hashes of a tile that is not full yet.

    Raises IncompleteTreeError where one of them is missing.
    """
    first = place.number * TILE_WIDTH
    found = b"".join(_hashes_below(place.level, first, first + count))
    if len(found) != count * HASH_BYTES:
        raise IncompleteTreeError(
            f"of hashes {first} to {first + count - 1} of the tree's level {place.level}, "
            f"{count - len(found) // HASH_BYTES} are missing: run manage.py verify_ledger"
        )
    return found


def write_tiles(size: int, leaf_hashes: Sequence[bytes]) -> None:
    """Write the tiles that `leaf_hashes` fill, the first of which is leaf `size`."""
    rows: list[LogTile] = []
    added, level = list(leaf_hashes), 0
    while added:
        made = list(_filled(level, size, added))
        rows.extend(made)
        added, level, size = [bytes(tile.root) for tile in made], level + 1, size >> TILE_HEIGHT
    LogTile.objects.bulk_create(rows)


def _filled(level: int, size: int, added: list[bytes]) -> Iterator[LogTile]:
    # size: hashes of this level before; added: those that follow.
    first = size >> TILE_HEIGHT
    end = (size + len(added)) >> TILE_HEIGHT
    if first == end:
        return
    before = size & (TILE_WIDTH - 1)
    hashes = (unfinished_tile(Place(level, first), before) if before else b"") + b"".join(added)
    for index in range(first, end):
        tile = hashes[(index - first) * TILE_BYTES :][:TILE_BYTES]
        yield LogTile(level=level, index=index, hashes=tile, root=complete_root(tile))


def _hashes_below(level: int, first: int, end: int) -> Iterator[bytes]:
    rows = (
        LogTile.objects.filter(level=level - 1, index__gte=first, index__lt=end)
        .order_by("index")
        .values_list("index", "root")
        if level
        else LedgerEntry.objects.filter(index__gte=first, index__lt=end)
        .order_by("index")
        .values_list("index", "leaf_hash")
    )
    for _, hashed in rows:
        yield bytes(hashed)


def _full_tiles(places: Iterable[Place]) -> dict[Place, bytes]:
    asked = Q()
    for place in places:
        asked |= Q(level=place.level, index=place.number)
    if not asked:
        return {}
    rows = LogTile.objects.filter(asked).order_by().values_list("level", "index", "hashes")
    return {Place(level, index): bytes(hashes) for level, index, hashes in rows}


def _placed(node: Node) -> tuple[Place, Span]:
    level, height = divmod(node.height, TILE_HEIGHT)
    first = node.position << height
    return Place(level, first >> TILE_HEIGHT), Span(first & (TILE_WIDTH - 1), 1 << height)


def _cut(hashes: bytes, span: Span) -> bytes:
    return hashes[span.start * HASH_BYTES : (span.start + span.width) * HASH_BYTES]
