"""Waits between attempts to reach Redis, the database or an exchange: doubling, with jitter.

Read by the recorder, the web's hub and the market process. The jitter keeps many processes from
asking at the same moment.
"""

import random

FIRST_SECONDS = 0.25
LONGEST_SECONDS = 4.0


class Backoff:
    """Make a new one after each success."""

    def __init__(
        self, first_seconds: float = FIRST_SECONDS, longest_seconds: float = LONGEST_SECONDS
    ) -> None:
        self._seconds = first_seconds
        self._longest_seconds = longest_seconds

    def next_seconds(self) -> float:
        """Return how long to wait now: between half and the whole of the current step."""
        seconds = self._seconds * random.uniform(0.5, 1.0)
        self._seconds = min(self._seconds * 2, self._longest_seconds)
        return seconds
