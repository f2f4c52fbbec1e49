"""How retraining stands, for Prometheus, out of the heartbeat of `retrain --schedule`."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Gauge

from predictions.watching.heartbeats import DOWN, Process, detail_of


class RetrainingMetrics:
    """What one heartbeat says."""

    def __init__(self, process: Process) -> None:
        self.registry = CollectorRegistry()
        self.up = self._gauge("retraining_up", "Whether the process's heartbeat is there")
        self.working = self._gauge("retraining_working", "Whether a child of it works now")
        self.next_due = self._gauge(
            "retraining_next_due_timestamp_seconds",
            "When a run is due next, where one is",
            "schedule",
        )
        self.runs = self._gauge("retraining_runs", "Runs that are not over, by state", "state")
        self.failed = self._gauge("retraining_failed", "1 where a slot's last run failed", "slot")
        self.up.set(process != DOWN)
        self.working.set(process.get("status") == "active")
        self._set(detail_of(process))

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(name, told, labels, registry=self.registry)

    def _set(self, detail: Mapping[str, Any]) -> None:
        if isinstance(due := detail.get("next_due_ms"), int):
            self.next_due.labels(str(detail.get("schedule"))).set(due / 1000)
        for run in _mappings(detail.get("runs")):
            self.runs.labels(str(run.get("state"))).inc()
        for run in _mappings(detail.get("failed")):
            self.failed.labels(str(run.get("slot"))).set(1)


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
