"""What keeps the signal loop from going on, told once and by its right name; its heartbeat.

Read by the loop alone.
"""

import json
import os
import time
from typing import Any

import structlog
from redis.exceptions import ClusterError, RedisError, ResponseError

from inference.handover.connections import AnyClient
from inference.signals.key_types import expected_types, foreign_keys
from inference.signals.metrics import SignalMetrics
from inference.signals.moment import UnreadableClockError
from inference.signals.status import SignalStatus
from market import keys

log = structlog.get_logger(__name__)


class Troubles:
    """Sorts what went wrong into status, metrics and log."""

    def __init__(
        self,
        client: AnyClient,
        status: SignalStatus,
        metrics: SignalMetrics,
        *,
        shard: int,
        cluster: bool,
    ) -> None:
        self._client = client
        self._status = status
        self._metrics = metrics
        self._shard = shard
        self._cluster = cluster

    async def take(self, error: Exception) -> None:
        """Tell what ended a step: no clock, a key that is another's, or Redis gone."""
        if isinstance(error, UnreadableClockError):
            if self._status.problem != str(error):
                log.error("clock_unreadable", error=str(error))
            self._status.problem = str(error)
        elif isinstance(error, ResponseError) and not isinstance(error, ClusterError):
            await self._refused_by_redis(error)
        else:
            if self._status.redis_connected:
                log.error("redis_lost", error=str(error), effect="signals stop until it is back")
            self._status.redis_connected = False
            self._metrics.redis_up.set(0)

    def redis_is_back(self) -> None:
        """Take in that Redis answers."""
        if not self._status.redis_connected:
            log.info("redis_connected")
        self._status.redis_connected = True
        self._metrics.redis_up.set(1)

    async def what_is_refused(self, otherwise: str) -> str:
        """Name the loop's keys that hold another type; `otherwise` where all are its own."""
        types = expected_types(self._status.venue, self._shard, cluster=self._cluster)
        try:
            return await foreign_keys(self._client, types) or otherwise
        except RedisError:
            return otherwise

    async def _refused_by_redis(self, error: ResponseError) -> None:
        # It answers, so it is not gone: most likely somebody wrote one of the loop's keys.
        self.redis_is_back()
        problem = await self.what_is_refused(f"Redis refuses: {error}")
        if self._status.problem != problem:
            log.error("keys_foreign", problem=problem, error=str(error))
        self._status.problem = problem


async def beat(client: AnyClient, status: SignalStatus) -> None:
    """Write the heartbeat: `health:signals` of the leader, a key of its own of a standby."""
    standby = f"signals-standby-{os.getpid()}"
    key = keys.health("signals" if status.leading else standby)
    fields: Any = {
        "status": status.status,
        "pid": os.getpid(),
        "ts": round(time.time() * 1e3),
        "detail": json.dumps(status.document()),
    }
    # Together: a loop that is killed between them would seem to live for ever.
    pipeline: Any = client.pipeline(transaction=False)
    pipeline.hset(key, mapping=fields)
    pipeline.expire(key, keys.HEALTH_TTL_SECONDS)
    await pipeline.execute()
