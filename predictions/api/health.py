"""`/health` of the web process: what every process says of itself, and the two stores.

For operators and load balancers: 200 while this process can serve, 503 where Redis is gone.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import redis
from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from market import keys
from predictions.api.errors import read_only
from predictions.api.redis_client import web_redis
from predictions.api.schema.describing import described_by
from predictions.api.schema.hot_operations import HealthDescription

PROCESSES = ("market", "inference", "signals", "recorder", "web")
NEEDED = ("market", "inference", "signals", "recorder")
"""Without one of these the site serves, but no longer all that it should."""

WELL = frozenset({"healthy", "active"})
"""What a process in order says of itself."""

DATABASE_SECONDS = 2.0


@described_by(HealthDescription)
@read_only
async def health(request: HttpRequest) -> HttpResponse:
    """Answer with status healthy, degraded or unhealthy, and what it rests on."""
    (redis_state, processes), database = await asyncio.gather(_redis_state(), database_state())
    if redis_state["status"] != "connected":
        status = "unhealthy"
    elif database["status"] != "connected" or any(
        processes[name]["status"] not in WELL for name in NEEDED
    ):
        status = "degraded"
    else:
        status = "healthy"
    document = {
        "status": status,
        "service": "cryptosite",
        "redis": redis_state,
        "database": database,
        "processes": processes,
    }
    return JsonResponse(document, status=503 if status == "unhealthy" else 200)


async def _redis_state() -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    started = time.perf_counter()
    try:
        client = web_redis()
        beats = [await _beat(client, name) for name in PROCESSES]
    except (redis.RedisError, OSError) as error:
        unknown = {name: {"status": "unknown"} for name in PROCESSES}
        return {"status": "unavailable", "error": type(error).__name__}, unknown
    state = {"status": "connected", "latency_ms": _elapsed_ms(started)}
    return state, {name: _process(beat) for name, beat in zip(PROCESSES, beats, strict=True)}


async def _beat(client: Any, name: str) -> Mapping[str, str]:
    try:
        beat: Mapping[str, str] = await client.hgetall(keys.health(name))
    except redis.ResponseError:
        return {}  # the key holds another type: that process's heartbeat alone is unknown
    return beat


def _process(beat: Mapping[str, str]) -> dict[str, Any]:
    if not beat:
        return {"status": "down"}
    stamp, pid = _whole(beat.get("ts")), _whole(beat.get("pid"))
    return {
        "status": beat.get("status", "unknown"),
        "pid": pid,
        "ts": stamp,
        "age_ms": None if stamp is None else max(0, time.time_ns() // 1_000_000 - stamp),
        "detail": _detail(beat.get("detail", "")),
    }


def _detail(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _whole(text: str | None) -> int | None:
    try:
        return int(float(text or ""))
    except (ValueError, OverflowError):
        return None


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
