"""The alerts' process's heartbeat, and all that it does where nothing is configured.

Free of what sending needs: an instance without alerts pays for no library of theirs.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import redis
import structlog

from market import keys
from predictions.api.redis_client import web_redis

log = structlog.get_logger(__name__)

BEAT_SECONDS = 1.0
NAME = "alerts"


async def beat(status: str, detail: Mapping[str, Any]) -> None:
    """Write a heartbeat; what leads, or idles, is the process. Never raises for an absent Redis."""
    standby = status == "standby"
    key = keys.health(f"{NAME}-standby-{os.getpid()}" if standby else NAME)
    fields: dict[Any, Any] = {
        "status": status,
        "pid": os.getpid(),
        "ts": time.time_ns() // 1_000_000,
        "detail": json.dumps(detail),
    }
    try:
        pipeline = web_redis().pipeline(transaction=False)
        pipeline.hset(key, mapping=fields)
        pipeline.expire(key, keys.HEALTH_TTL_SECONDS)
        await pipeline.execute()
    except (redis.RedisError, OSError) as error:
        log.debug("heartbeat_not_written", error=str(error))


async def idle(stopping: Callable[[], bool]) -> None:
    """Say that there is nothing to do until told to stop."""
    while not stopping():
        await beat("idle", {})
        await asyncio.sleep(BEAT_SECONDS)
