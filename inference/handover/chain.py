"""The hash chain over a log's entries: each holds the hash of the one before it.

The leading loop hashes; recorders and whoever checks the ledger compute the same.
"""

import hashlib
from dataclasses import dataclass

GENESIS = bytes(32)
"""`prev` of a chain's first entry."""


class EntryFormatError(ValueError):
    """A log entry is not of its engine's format. The recorder sets it aside and goes on."""


@dataclass(slots=True)
class ChainHead:
    """The newest entry of a chain: its hash in hex ("" before the first) and its tick."""

    hash: str = ""
    tick: int = -1

    @property
    def prev(self) -> bytes:
        return bytes.fromhex(self.hash) if self.hash else GENESIS


def entry_hash(packed: bytes) -> bytes:
    """Return the chain's next head: SHA-256 of the packed entry, which holds `prev`."""
    return hashlib.sha256(packed).digest()
