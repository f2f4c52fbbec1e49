"""An engine's log read from a moment on, beside the recorder and without a group of its own.

Read by the publisher. What was trimmed before it was read is over for bots anyway.
"""

import time
from dataclasses import dataclass, field
from typing import Any

from market import keys
from market.redis_cluster import AnyClient

ENTRIES_A_TIME = 256


@dataclass(slots=True)
class LogTail:
    """Yields packed entries in their order; start_ms: UTC from which on they are read."""

    client: AnyClient
    engine: str
    start_ms: int
    cluster: bool = False
    _key: str = field(init=False)
    _last: str = field(init=False)

    def __post_init__(self) -> None:
        self._key = keys.log(self.engine, cluster=self.cluster)
        self._last = f"{self.start_ms}-0"

    def read(self, block_ms: int | None = None) -> list[bytes]:
        """Return what has come since; waits up to block_ms. Raises redis' errors."""
        reply: Any = self.client.xread({self._key: self._last}, ENTRIES_A_TIME, block_ms)
        found = []
        for entry_id, fields in _entries(reply):
            self._last = entry_id.decode() if isinstance(entry_id, bytes) else entry_id
            if packed := (fields or {}).get(b"entry"):
                found.append(packed)
        return found


def since(hours: float) -> int:
    """Return UTC (ms) so many hours ago."""
    return round((time.time() - hours * 3_600) * 1000)


def _entries(reply: Any) -> list[Any]:
    # RESP3 answers with a mapping of lists of batches, RESP2 with pairs.
    if isinstance(reply, dict):
        return [entry for batches in reply.values() for batch in batches for entry in batch]
    return [entry for _, batch in reply or () for entry in batch]
