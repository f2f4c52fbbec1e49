"""One reading for all who ask at the same time, and never one that is older than its asker.

Read by snapshots and by the watching of markets: thousands of sockets that connect together
cost one reading.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class SharedReading(Generic[Key, Value]):
    """Reads one key at a time; an answer is shared by all who asked before its reading began."""

    def __init__(self, read: Callable[[Key], Coroutine[Any, Any, Value]]) -> None:
        self._read = read
        self._waiting: dict[Key, asyncio.Task[Value]] = {}
        self._reading = asyncio.Lock()

    async def take(self, key: Key) -> Value:
        """Return what was read for `key`, in a reading that begins after this call."""
        task = self._waiting.get(key)
        if task is None:
            task = self._waiting[key] = asyncio.create_task(self._take(key))
        # One asker that goes away must not take the others' answer with it.
        return await asyncio.shield(task)

    async def _take(self, key: Key) -> Value:
        async with self._reading:
            del self._waiting[key]  # who asks from here on needs a newer one
            return await self._read(key)
