"""Holding the lead beside one's work: renewed while a batch takes its time, given back at the end.

Read by both loops.
"""

from collections.abc import Callable

import structlog
from redis.exceptions import RedisError

from inference.handover.lease import Held, Lease

log = structlog.get_logger(__name__)


class Lead:
    """A lease, held or not. on_lost: called once each time it is lost."""

    def __init__(self, lease: Lease, on_lost: Callable[[], None]) -> None:
        self.held: Held | None = None
        self._lease = lease
        self._on_lost = on_lost

    async def take(self) -> Held | None:
        """Try to take the lead; None where another has it. Raises redis.RedisError."""
        self.held = await self._lease.acquire()
        if self.held is not None:
            log.info("lead_taken", token=self.held.token)
        return self.held

    async def renew(self) -> None:
        """Prolong it, where it is held. Raises redis.RedisError."""
        held = self.held
        if held is not None and not await self._lease.renew(held) and self.held is held:
            self.lose("the lease has expired or is another's")

    async def give_back(self) -> None:
        """Let the next one lead at once."""
        held, self.held = self.held, None
        if held is None:
            return
        try:
            await self._lease.release(held)
        except RedisError as error:
            log.warning("lease_not_released", error=str(error))

    def lose(self, why: str) -> None:
        """Take in that another leads, or may."""
        self.held = None
        log.warning("lead_lost", reason=why)
        self._on_lost()
