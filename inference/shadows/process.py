"""The shadows as a process: looks at the links, follows the logs, tells how it does.

`manage.py run_shadow` calls it. What is heavy, the networks' runtime above all, is imported once a
version is on trial: an instance that tries none out pays for a heartbeat.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from redis.exceptions import RedisError

from inference.artefacts.versions import VersionStore
from inference.config import ServiceConfig
from inference.handover.connections import AnyClient, open_client
from inference.shadows.status import ShadowStatus
from inference.shadows.trials import trials
from inference.vocabulary import ENGINES
from market import keys

if TYPE_CHECKING:
    from inference.shadows.engines import Shadows

LOOK_SECONDS = 1.0
NAPS = 4
LEAST_CONNECTIONS = 12
"""Two wait for entries, two leases are renewed beside them, and each version writes."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ShadowSettings:
    """All that the process needs, frozen at its start."""

    config: ServiceConfig
    symbols: tuple[str, ...]
    exchange: str
    base_dir: Path
    candles_dir: Path
    var_dir: Path
    device: str
    redis_url: str


class ShadowProcess:
    """Runs until stopped. look_seconds: how often it looks at the links, and tells."""

    def __init__(
        self,
        settings: ShadowSettings,
        stopping: Callable[[], bool],
        *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._look_seconds = look_seconds
        self.status = ShadowStatus()
        self._settings = settings
        self._stopping = stopping
        self._store = VersionStore(settings.var_dir)
        redis_config = settings.config.redis
        size = max(LEAST_CONNECTIONS, redis_config.connection_pool_size)
        self._client = open_client(
            settings.redis_url, msgspec.structs.replace(redis_config, connection_pool_size=size)
        )
        self._shadows: Shadows | None = None

    async def run(self) -> None:
        """Look, follow and tell until stopped. Raises EvictionPolicyError."""
        try:
            while not self._stopping():
                await self.look()
                await beat(self._client, self.status)
                for _ in range(NAPS):  # so that a stop is seen soon
                    if not self._stopping():
                        await asyncio.sleep(self._look_seconds / NAPS)
        finally:
            if self._shadows is not None:
                await self._shadows.close()
            await self._client.aclose()

    async def look(self) -> None:
        """Follow the links: begin with what is new on trial, end what is no more."""
        wanted = trials(self._store, ENGINES)
        if self._shadows is None:
            if not wanted:
                return
            from inference.shadows.engines import Shadows

            self._shadows = Shadows(self._settings, self._client, self.status, self._stopping)
        await self._shadows.follow_trials(wanted)


async def serve(settings: ShadowSettings, stopping: Callable[[], bool]) -> None:
    """Run the process until stopped. Raises EvictionPolicyError."""
    await ShadowProcess(settings, stopping).run()


async def beat(client: AnyClient, status: ShadowStatus) -> None:
    """Write the heartbeat; what stands by does so under a name of its own."""
    name = "shadow" if status.status != "standby" else f"shadow-standby-{os.getpid()}"
    mapping: dict[Any, Any] = {
        "status": status.status,
        "pid": os.getpid(),
        "ts": round(time.time() * 1e3),
        "detail": json.dumps(status.document()),
    }
    try:
        pipeline: Any = client.pipeline(transaction=False)
        pipeline.hset(keys.health(name), mapping=mapping)
        pipeline.expire(keys.health(name), keys.HEALTH_TTL_SECONDS)
        await pipeline.execute()
    except RedisError as error:
        log.debug("heartbeat_not_written", error=str(error))
