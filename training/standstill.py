"""Notices a Dask cluster on which nothing goes on any more; read by the workplace.

A scheduler that lost its last worker keeps what it was given for one that may come, and says
nothing: whoever waits for results would wait for ever.
"""

import time
from collections.abc import Iterator
from typing import Any

from distributed import as_completed

STANDSTILL_SECONDS = 60.0
"""A worker that died is started anew within seconds, one that is begun by hand within a minute."""
LOOK_SECONDS = 5.0
POLL_SECONDS = 0.05


class StandstillError(Exception):
    """Nothing was worked on for STANDSTILL_SECONDS, and not all is done."""


def finished(client: Any, futures: list[Any]) -> Iterator[Any]:
    """Yield the futures as they are done. Raises StandstillError."""
    completed = as_completed(futures, loop=client.loop)  # type: ignore[no-untyped-call]
    worked = looked = time.monotonic()
    while completed.count():  # type: ignore[no-untyped-call]
        now = time.monotonic()
        if completed.has_ready():  # type: ignore[no-untyped-call]
            yield next(completed)
            worked = looked = time.monotonic()
        elif now - looked < LOOK_SECONDS:
            time.sleep(POLL_SECONDS)
        elif _is_worked_on(client):
            worked = looked = now
        elif now - worked >= STANDSTILL_SECONDS:
            raise StandstillError(f"nothing was worked on for {STANDSTILL_SECONDS:g} s")
        else:
            looked = now


def _is_worked_on(client: Any) -> bool:
    try:
        return any(client.processing().values())
    except OSError:  # a scheduler that was lost: its futures are cancelled, and say so
        return True
