"""What other processes tell through Redis, for Prometheus, never waited for.

Read by the collectors of the web process's `/metrics`. A scrape starts a reading of Redis and gives
it a moment; it shows what is known by then.
"""

import asyncio
from abc import abstractmethod

from prometheus_client.registry import Collector

PATIENCE_SECONDS = 0.1


class ToldCollector(Collector):
    """Holds what was read last; collecting it costs no I/O."""

    def __init__(self) -> None:
        self._reading: asyncio.Task[None] | None = None

    async def refresh(self) -> None:
        """Read Redis, at most for a moment; a slower answer is shown by the next scrape."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        await asyncio.wait({self._reading}, timeout=PATIENCE_SECONDS)

    @abstractmethod
    async def _read(self) -> None:
        """Take what Redis says, or that nothing is known."""
