"""What a process that follows no market says of itself, once a second: `health:mqtt` and others.

Read by the publisher's loop and command, and by the schedule of retraining.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from market import keys
from market.redis_cluster import AWAY, AnyClient

BEAT_SECONDS = 1.0
IDLE_SECONDS = 0.25

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Heartbeat:
    """Writes at most every BEAT_SECONDS."""

    client: AnyClient
    process: str = "mqtt"
    _at: float = float("-inf")

    def due(self) -> bool:
        """Return whether it is time; from now on it is not, for a while."""
        now = time.monotonic()
        if now - self._at < BEAT_SECONDS:
            return False
        self._at = now
        return True

    def tell(self, status: str, detail: Mapping[str, Any]) -> None:
        """Write it. Raises what redis-py raises where Redis is away."""
        key = keys.health(self.process)
        fields: dict[Any, Any] = {
            "status": status,
            "pid": os.getpid(),
            "ts": time.time_ns() // 1_000_000,
            "detail": json.dumps(detail),
        }
        self.client.hset(key, mapping=fields)
        self.client.expire(key, keys.HEALTH_TTL_SECONDS)


def idle(client: AnyClient, stopping: Callable[[], bool]) -> None:
    """Say that there is no broker, until stopped."""
    heartbeat = Heartbeat(client)
    while not stopping():
        try:
            if heartbeat.due():
                heartbeat.tell("idle", {"error": "", "broker": None})
        except AWAY as error:
            log.debug("heartbeat_not_written", error=str(error))
        time.sleep(IDLE_SECONDS)
