"""What every process last said of itself, out of its heartbeat in Redis.

Read by `/health`, `/api/system` and `/api/models`.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis
from django.conf import settings

from inference.artefacts.versions import VersionStore
from inference.shadows.trials import trials
from inference.vocabulary import ENGINES
from market import keys

PROCESSES = (
    "market", "inference", "signals", "shadow", "recorder", "web", "alerts", "mqtt", "retrain",
)  # fmt: skip
NEEDED = ("market", "inference", "signals", "recorder")
"""Without one of these the site serves, but no longer all that it should."""


def _something_is_on_trial() -> bool:
    return bool(trials(VersionStore(settings.VAR_DIR), ENGINES))


OPTIONAL: Mapping[str, Callable[[], bool]] = {
    "shadow": _something_is_on_trial,
    "alerts": lambda: settings.ALERTING,
    "mqtt": lambda: bool(settings.MQTT_URL),
    "retrain": lambda: settings.RETRAIN_SCHEDULE != "off",
}
"""Needed only where the settings, or models on trial, give it something to do; elsewhere it idles,
or is not there."""

WELL = frozenset({"healthy", "active", "idle"})
"""What a process in order says of itself."""

LARGEST_WHOLE = 2**63 - 1

Process = Mapping[str, Any]
UNKNOWN: Process = {"status": "unknown"}
DOWN: Process = {"status": "down"}
IDLE: Process = {"status": "idle"}


def needed() -> tuple[str, ...]:
    """Return the processes that this instance needs now."""
    return (*NEEDED, *(name for name, configured in OPTIONAL.items() if configured()))


async def read_processes(client: Any, names: Sequence[str] = PROCESSES) -> dict[str, Process]:
    """Return each process's status, pid, ts, age_ms and detail; `down` where it is silent.

    One that has nothing to do is `idle` where it is silent.

    Raises redis.RedisError or OSError where Redis is away.
    """
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.hgetall(keys.health(name))
    beats = await answers(pipeline)
    return {
        name: told(beat) if beat else _silent(name) for name, beat in zip(names, beats, strict=True)
    }


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
    return mapping_of(process.get("detail"))


def mapping_of(value: object) -> Mapping[str, Any]:
    """Return a part of such an account; empty where it is none."""
    return value if isinstance(value, Mapping) else {}


def _silent(name: str) -> Process:
    has_nothing_to_do = name in OPTIONAL and not OPTIONAL[name]()
    return dict(IDLE if has_nothing_to_do else DOWN)


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
