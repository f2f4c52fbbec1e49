"""Wait for a condition instead of a time."""

import asyncio
import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
"""What is waited for comes at once; where a machine is busy with other tests it takes longer."""

STOP_SECONDS = 20.0
"""What is told to end does so within a second or two; after this it is killed."""


async def eventually(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Return once `condition()` holds. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  (what is waited for sets no event)
            await asyncio.sleep(0.01)


def eventually_sync(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Return once `condition()` holds. Raises TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"still not after {seconds} s")
        time.sleep(0.02)
