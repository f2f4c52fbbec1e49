"""What models on trial do for Prometheus, out of the heartbeat of `run_shadow`."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from inference.shadows.status import State
from predictions.watching.heartbeats import DOWN, Process, detail_of

LABELS = ("slot", "version")


class ShadowMetrics:
    """What one heartbeat says; where nothing is on trial only that it is there."""

    def __init__(self, process: Process) -> None:
        self.registry = CollectorRegistry()
        self.up = Gauge(
            "shadow_up", "Whether the shadows' heartbeat is there", registry=self.registry
        )
        self.speaking = Gauge(
            "shadow_speaking",
            "Whether a model on trial is loaded and speaks",
            LABELS,
            registry=self.registry,
        )
        self.said = Counter(
            "shadow_said",
            "Entries that a model on trial wrote since the process took it up",
            LABELS,
            registry=self.registry,
        )
        self.skipped = Counter(
            "shadow_skipped",
            "Ticks, or signals, of the leader that it did not answer, by why",
            (*LABELS, "reason"),
            registry=self.registry,
        )
        self.behind = Gauge(
            "shadow_behind", "Entries that wait for its answer", LABELS, registry=self.registry
        )
        self.latency = Gauge(
            "shadow_latency_seconds",
            "Median time of its last answers, once taken up",
            LABELS,
            registry=self.registry,
        )
        self.up.set(process != DOWN)
        versions = detail_of(process).get("versions")
        for each in versions if isinstance(versions, list) else ():
            if isinstance(each, Mapping):
                self._set(each)

    def _set(self, version: Mapping[str, Any]) -> None:
        labels = tuple(str(version.get(name)) for name in LABELS)
        self.speaking.labels(*labels).set(version.get("state") == State.SPEAKING)
        if isinstance(said := version.get("said"), int):
            self.said.labels(*labels).inc(max(0, said))
        if isinstance(behind := version.get("behind"), int):
            self.behind.labels(*labels).set(behind)
        if isinstance(latency := version.get("latency_ms"), int | float):
            self.latency.labels(*labels).set(latency / 1e3)
        skipped = version.get("skipped")
        for reason, count in skipped.items() if isinstance(skipped, Mapping) else ():
            if isinstance(count, int):
                self.skipped.labels(*labels, reason).inc(max(0, count))
