"""`health:mqtt`: what the publisher says of itself, once a second. Read by the loop and idling."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from market import keys
from market.redis_cluster import AnyClient

BEAT_SECONDS = 1.0


@dataclass(slots=True)
class Heartbeat:
    """Writes at most every BEAT_SECONDS."""

    client: AnyClient
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
        key = keys.health("mqtt")
        fields: dict[Any, Any] = {
            "status": status,
            "pid": os.getpid(),
            "ts": time.time_ns() // 1_000_000,
            "detail": json.dumps(detail),
        }
        self.client.hset(key, mapping=fields)
        self.client.expire(key, keys.HEALTH_TTL_SECONDS)
