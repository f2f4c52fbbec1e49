"""When an exchange is knocked at again: all connections of a feed take turns while it is away.

Exchanges count attempts by address (Binance: 300 in 5 minutes), so that one connection tries for
all, and all follow as soon as one is let in.
"""

import asyncio
import random
import time

from market.backoff import Backoff

FIRST_SECONDS = 0.25
LONGEST_SECONDS = 1.25
PATIENT_AFTER = 100
PATIENT_SECONDS = 10.0
"""After two minutes in vain the exchange is away for longer, and asked more rarely."""

_AT_ONCE_SECONDS = 0.1


class Knocking:
    """Shared by the connections of a feed; belongs to the loop's thread."""

    def __init__(self) -> None:
        self._failures = 0
        self._backoff = Backoff(FIRST_SECONDS, LONGEST_SECONDS)
        self._next = 0.0
        self._let_in = asyncio.Event()

    async def turn(self) -> None:
        """Wait until it is one's turn to try."""
        if not self._failures:
            # All of them may have lost their connection at the same moment.
            await asyncio.sleep(random.uniform(0.0, _AT_ONCE_SECONDS))
            return
        self._next = max(self._next, time.monotonic()) + self._pause()
        try:
            await asyncio.wait_for(self._let_in.wait(), self._next - time.monotonic())
        except TimeoutError:
            return

    def failed(self, wait_seconds: float | None) -> None:
        """An attempt was in vain; wait_seconds: how long the exchange asked to be left alone."""
        self._failures += 1
        self._let_in.clear()
        if wait_seconds:
            self._next = max(self._next, time.monotonic() + wait_seconds)

    def let_in(self) -> None:
        """An attempt succeeded: whoever waits may try at once."""
        self._failures = 0
        self._backoff = Backoff(FIRST_SECONDS, LONGEST_SECONDS)
        self._next = 0.0
        self._let_in.set()

    def _pause(self) -> float:
        if self._failures > PATIENT_AFTER:
            return PATIENT_SECONDS * random.uniform(0.5, 1.0)
        return self._backoff.next_seconds()
