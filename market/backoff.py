"""Waits between attempts to reach Redis or the database: doubling to seconds, with jitter.

Read by the recorder and the web's hub. The jitter keeps many processes from asking at the same
moment.
"""

import random

FIRST_SECONDS = 0.25
LONGEST_SECONDS = 4.0


class Backoff:
    """Make a new one after each success."""

    def __init__(self) -> None:
        self._seconds = FIRST_SECONDS

    def next_seconds(self) -> float:
        """Return how long to wait now: between half and the whole of the current step."""
        seconds = self._seconds * random.uniform(0.5, 1.0)
        self._seconds = min(self._seconds * 2, LONGEST_SECONDS)
        return seconds
