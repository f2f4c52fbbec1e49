"""What every process last said of itself, out of its heartbeat in Redis.

Read by `/health`, `/api/system` and `/api/models`.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import redis

from market import keys

PROCESSES = ("market", "inference", "signals", "recorder", "web")
NEEDED = ("market", "inference", "signals", "recorder")
"""Without one of these the site serves, but no longer all that it should."""

WELL = frozenset({"healthy", "active"})
"""What a process in order says of itself."""

LARGEST_WHOLE = 2**63 - 1

Process = Mapping[str, Any]
UNKNOWN: Process = {"status": "unknown"}
DOWN: Process = {"status": "down"}


async def read_processes(client: Any, names: Sequence[str] = PROCESSES) -> dict[str, Process]:
    """Return each process's status, pid, ts, age_ms and detail; `down` where it is silent.

    Raises redis.RedisError or OSError where Redis is away.
    """
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.hgetall(keys.health(name))
    beats = await answers(pipeline)
    return {name: told(beat or {}) for name, beat in zip(names, beats, strict=True)}


async def answers(pipeline: Any) -> list[Any]:
    """Run a pipeline; None where a key holds another type, so that it spoils nothing else.

    Raises redis.RedisError or OSError where Redis is away.
    """
    replies = await pipeline.execute(raise_on_error=False)
    for reply in replies:
        if isinstance(reply, Exception) and not isinstance(reply, redis.ResponseError):
            raise reply
    return [None if isinstance(reply, Exception) else reply for reply in replies]


def told(beat: Mapping[str, str]) -> Process:
    """Return what one heartbeat says."""
    if not beat:
        return dict(DOWN)
    stamp, pid = _whole(beat.get("ts")), _whole(beat.get("pid"))
    return {
        "status": beat.get("status", "unknown"),
        "pid": pid,
        "ts": stamp,
        "age_ms": None if stamp is None else max(0, time.time_ns() // 1_000_000 - stamp),
        "detail": _detail(beat.get("detail", "")),
    }


def detail_of(process: Process) -> Mapping[str, Any]:
    """Return a process's own account; empty where there is none that can be read."""
    detail = process.get("detail")
    return detail if isinstance(detail, Mapping) else {}


def _detail(text: str) -> object:
    try:
        return json.loads(text, parse_int=_number)
    except (ValueError, RecursionError):
        return None


def _number(text: str) -> int | float:
    # What JSON writers refuse would spoil every answer that shows the heartbeat.
    value = int(text)
    return value if abs(value) <= LARGEST_WHOLE else float(text)


def _whole(text: str | None) -> int | None:
    try:
        return int(float(text or ""))
    except (ValueError, OverflowError):
        return None
