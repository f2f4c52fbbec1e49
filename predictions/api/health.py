"""`/health` of the web process: what every process says of itself, and the two stores.

For operators and load balancers: 200 while this process can serve, 503 where Redis is gone.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import redis
from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from predictions.api.errors import read_only
from predictions.api.redis_client import web_redis
from predictions.api.running_market import named_market
from predictions.api.schema.describing import described_by
from predictions.api.schema.hot_operations import HealthDescription
from predictions.watching.heartbeats import (
    PROCESSES,
    UNKNOWN,
    WELL,
    Process,
    needed,
    read_processes,
)

DATABASE_SECONDS = 2.0


@described_by(HealthDescription)
@read_only
async def health(request: HttpRequest) -> HttpResponse:
    """Answer with status healthy, degraded or unhealthy, and what it rests on."""
    (redis_told, processes), database, market = await asyncio.gather(
        redis_state(), database_state(), named_market()
    )
    status = overall(redis_told, database, processes)
    document = {
        "status": status,
        "service": "cryptosite",
        **market,
        "redis": redis_told,
        "database": database,
        "processes": processes,
    }
    return JsonResponse(document, status=503 if status == "unhealthy" else 200)


def overall(
    redis_told: Mapping[str, Any], database: Mapping[str, Any], processes: Mapping[str, Process]
) -> str:
    """Return healthy, degraded (it serves, not all that it should) or unhealthy (no Redis)."""
    if redis_told["status"] != "connected":
        return "unhealthy"
    lacking = any(processes[name]["status"] not in WELL for name in needed())
    return "degraded" if database["status"] != "connected" or lacking else "healthy"


async def redis_state() -> tuple[dict[str, Any], dict[str, Process]]:
    """Return whether Redis answers (`status`, `latency_ms` or `error`), and every heartbeat."""
    started = time.perf_counter()
    try:
        processes = await read_processes(web_redis())
    except (redis.RedisError, OSError) as error:
        unknown: dict[str, Process] = {name: dict(UNKNOWN) for name in PROCESSES}
        return {"status": "unavailable", "error": type(error).__name__}, unknown
    return {"status": "connected", "latency_ms": _elapsed_ms(started)}, processes


async def database_state() -> dict[str, Any]:
    """Return whether the database answers: `status`, and `latency_ms` or `error`."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            await sync_to_async(_ask_database)()
    except (DatabaseError, InterfaceError, TimeoutError) as error:
        return {"status": "unavailable", "error": type(error).__name__}
    return {"status": "connected", "latency_ms": _elapsed_ms(started)}


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


def _elapsed_ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1e3, 3)
