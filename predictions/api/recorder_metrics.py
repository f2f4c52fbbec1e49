"""The recorder's backlog for Prometheus, out of its heartbeat: it serves no port of its own."""

import json
from collections.abc import Mapping
from typing import Any

import redis
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from inference.vocabulary import ENGINES, FORECASTS
from market import keys
from predictions.api.redis_client import web_redis


class RecorderMetrics:
    """What one heartbeat says; a gauge without a value is left out."""

    def __init__(self, beat: Mapping[str, str]) -> None:
        self.registry = CollectorRegistry()
        self.up = Gauge(
            "recorder_up", "Whether a recorder's heartbeat is there", registry=self.registry
        )
        self.entries = Gauge(
            "recorder_behind_entries",
            "Log entries that are not stored yet",
            ["log"],
            registry=self.registry,
        )
        self.seconds = Gauge(
            "recorder_behind_seconds",
            "How long the oldest of them has been in the log",
            ["log"],
            registry=self.registry,
        )
        self.memory = Gauge(
            "redis_memory_ratio",
            "Share of Redis' maxmemory in use, NaN where unknown",
            registry=self.registry,
        )
        self.memory.set(float("nan"))
        self.up.set(bool(beat))
        self._set(_detail(beat))

    def _set(self, detail: Mapping[str, Any]) -> None:
        for engine in ENGINES:
            prefix = "" if engine == FORECASTS else f"{engine}_"
            for gauge, name in ((self.entries, "behind_entries"), (self.seconds, "behind_seconds")):
                value = detail.get(f"{prefix}{name}")
                if isinstance(value, int | float):
                    gauge.labels(engine).set(value)
        if isinstance(memory := detail.get("redis_memory_ratio"), int | float):
            self.memory.set(memory)


async def recorder_metrics() -> bytes:
    """Return the recorder's metrics as text; nothing where Redis does not answer."""
    try:
        client: Any = web_redis()
        beat = await client.hgetall(keys.health("recorder"))
    except (redis.RedisError, OSError):
        return b""
    return generate_latest(RecorderMetrics(beat).registry)


def _detail(beat: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        told = json.loads(beat.get("detail", ""))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
