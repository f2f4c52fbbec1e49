"""The shards in which versions on trial speak: a hash chain of its own for each."""

import hashlib

from inference.artefacts.versions import Slot

LEADERS = 0
"""The shard of both engines' leading loops."""

LEASE_SHARD = 1
"""Whose lease fences all shadows of an engine: one process speaks for all of them."""

_FIRST, _MOST = 2, 2**31 - 1


def shard_of(slot: Slot, version: str) -> int:
    """Return the shard of a version on trial, the same in every process and after every restart.

    Two of one slot share a number once in two thousand million; they would share a chain then,
    and lose nothing.
    """
    digest = hashlib.sha256(f"{slot}/{version}".encode()).digest()
    return _FIRST + int.from_bytes(digest[:8]) % (_MOST - _FIRST)
