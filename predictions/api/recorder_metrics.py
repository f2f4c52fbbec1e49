"""The recorder's backlog for Prometheus, out of its heartbeat: it serves no port of its own."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Gauge

from inference.vocabulary import ENGINES, FORECASTS
from predictions.watching.heartbeats import DOWN, Process, detail_of


class RecorderMetrics:
    """What one heartbeat says; a gauge without a value is left out."""

    def __init__(self, process: Process) -> None:
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
        self.up.set(process != DOWN)
        self._set(detail_of(process))

    def _set(self, detail: Mapping[str, Any]) -> None:
        for engine in ENGINES:
            prefix = "" if engine == FORECASTS else f"{engine}_"
            for gauge, name in ((self.entries, "behind_entries"), (self.seconds, "behind_seconds")):
                value = detail.get(f"{prefix}{name}")
                if isinstance(value, int | float):
                    gauge.labels(engine).set(value)
        if isinstance(memory := detail.get("redis_memory_ratio"), int | float):
            self.memory.set(memory)
