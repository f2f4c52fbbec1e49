"""A cheap look whether the ledger still is what was signed: what the recorder does now and then.

It sees an altered tree, and altered entries among the newest and some drawn at random;
`manage.py verify_ledger` sees all. Read by the recorder.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog

from inference.handover.chain import entry_hash
from predictions.models import LedgerEntry
from predictions.transparency.appending import leaf_data
from predictions.transparency.checkpoints import newest_checkpoint
from predictions.transparency.tiles import (
    TILE_WIDTH,
    IncompleteTreeError,
    Place,
    log_size,
    read_nodes,
    read_tile,
)
from predictions.transparency.tree import HASH_BYTES, leaf_hash, root

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
NEWEST, DRAWN = 16, 16


@dataclass(slots=True)
class SpotCheckChore:
    """Looks once a minute, and tells what it last found for as long as the process runs."""

    every_seconds: float = EVERY_SECONDS
    name: str = "spot_check"
    draw: random.Random = field(default_factory=random.Random)
    _error: str = field(init=False, default="")
    _checked: int = field(init=False, default=0)

    def run(self) -> bool:
        """Check once; nothing ever waits."""
        error = find_fault(self.draw)
        if error and error != self._error:
            log.error("ledger_broken", error=error)
        # What was found at random is not undone by drawing others.
        self._error = error or self._error
        self._checked += 1
        return False

    def detail(self) -> dict[str, Any]:
        """Return what was found, "" for nothing, and how often it was looked."""
        return {"error": self._error, "checked": self._checked}


def find_fault(draw: random.Random) -> str:
    """Return in words the first thing that is not as it was signed, or ""."""
    checkpoint = newest_checkpoint()
    if checkpoint is None:
        return ""
    signed, size = checkpoint.size, log_size()
    if size < signed:
        return f"the ledger has {size} entries, and {signed} were signed"
    try:
        if root(signed, read_nodes) != bytes(checkpoint.root):
            return f"the first {signed} entries are not those that were signed"
        drawn = {draw.randrange(size) for _ in range(DRAWN)}
        return _first_altered([*range(max(0, size - NEWEST), size), *drawn], size)
    except IncompleteTreeError as error:
        return str(error)


def _first_altered(indexes: Iterable[int], size: int) -> str:
    wanted = set(indexes)
    found = 0
    for entry in LedgerEntry.objects.filter(index__in=wanted).order_by("index"):
        found += 1
        if entry.packed is not None:
            packed = bytes(entry.packed)
            hashes = entry_hash(packed), leaf_hash(leaf_data(entry.stream_id, packed))
            if hashes != (bytes(entry.entry_hash), bytes(entry.leaf_hash)):
                return f"entry {entry.index} is not what was stored"
        if bytes(entry.leaf_hash) != _in_tree(entry.index, size):
            return f"entry {entry.index} is not what the tree holds"
    return "" if found == len(wanted) else f"{len(wanted) - found} entries are missing"


def _in_tree(index: int, size: int) -> bytes:
    number, place = divmod(index, TILE_WIDTH)
    tile = read_tile(Place(0, number), min(TILE_WIDTH, size - number * TILE_WIDTH))
    return tile[place * HASH_BYTES :][:HASH_BYTES]
