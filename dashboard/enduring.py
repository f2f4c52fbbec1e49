"""Work that a web process never gives up: where it fails, it is told of and begun anew.

Read by the hub and by the watching of markets. Without it every socket would fall silent for good.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from market.backoff import Backoff

log = structlog.get_logger(__name__)


async def enduring(work: Callable[[], Awaitable[None]]) -> None:
    """Run until it returns; after an exception that it did not foresee, run it again."""
    backoff = Backoff()
    while True:
        try:
            await work()
        except Exception:
            log.exception("work_failed", work=work.__name__)
            await asyncio.sleep(backoff.next_seconds())
        else:
            return
