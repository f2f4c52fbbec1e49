"""Reads an engine's log as it grows, from a place of its own: no group, nothing acknowledged."""

import asyncio
from typing import Any

import redis
import structlog

from inference.handover.connections import AnyClient
from inference.signals.market_state import is_foreign

AT_A_TIME = 32
"""Entries of one read; of 500 symbols some 5 MB. More wait in Redis, where they are safe."""

BLOCK_MS = 500
"""Longest wait at a time, so that a stop is seen soon; shorter than the client's time-out."""

log = structlog.get_logger(__name__)

Entry = tuple[str, bytes]
"""Stream id and packed entry."""


class LogFollower:
    """Begins behind the newest entry there is."""

    def __init__(self, client: AnyClient, key: str) -> None:
        self._client = client
        self._key = key
        self._last = ""
        self.problem = ""

    def lose_place(self) -> None:
        """Begin behind the newest entry again."""
        self._last = ""

    async def settle(self) -> None:
        """Take the place behind the newest entry, where there is none yet."""
        if not self._last:
            newest: Any = await self._client.xrevrange(self._key, count=1)
            self._last = _text(newest[0][0]) if newest else "0-0"

    async def read(self, block_ms: int = BLOCK_MS) -> list[Entry]:
        """Return the entries since the last call; wait up to block_ms for one.

        Raises redis.RedisError where Redis is gone.
        """
        try:
            await self.settle()
            reply: Any = await self._client.xread(
                {self._key: self._last}, count=AT_A_TIME, block=max(1, block_ms)
            )
        except redis.ResponseError as error:
            if not is_foreign(error):
                raise
            self.problem = f"{self._key} holds another Redis type than a stream"
            self._last = ""
            await asyncio.sleep(max(1, block_ms) / 1e3)
            return []
        self.problem = ""
        rows = _rows(reply)
        if rows:
            self._last = _text(rows[-1][0])
        return [(_text(name), fields[b"entry"]) for name, fields in rows if b"entry" in fields]

    async def before(self, newest: str, count: int) -> list[tuple[Any, bytes | None]]:
        """Return entries up to an id, the newest first; packed is None where there is none."""
        rows: Any = await self._client.xrevrange(self._key, max=newest, count=count)
        return [(name, fields.get(b"entry")) for name, fields in rows]


def _rows(reply: Any) -> list[tuple[Any, dict[bytes, bytes]]]:
    # RESP3 answers with a mapping of lists of batches, RESP2 with pairs.
    if isinstance(reply, dict):
        return [each for batches in reply.values() for batch in batches for each in batch]
    return [each for _, batch in reply or () for each in batch]


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
