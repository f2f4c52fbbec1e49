"""Alerts, notifications and webhooks for Prometheus, out of the heartbeat of who sends them."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from predictions.watching.heartbeats import DOWN, Process, detail_of


class AlertMetrics:
    """What one heartbeat says; where nothing is configured it says that it is there."""

    def __init__(self, process: Process) -> None:
        self.registry = CollectorRegistry()
        self.up = Gauge(
            "alerts_up", "Whether the heartbeat of alerts is there", registry=self.registry
        )
        self.incidents = Gauge(
            "alerts_incidents_open",
            "Incidents that were told and are not over",
            registry=self.registry,
        )
        self.messages = Gauge(
            "alerts_messages",
            "Messages that wait for their next try, or are dead",
            ["channel", "state"],
            registry=self.registry,
        )
        self.tries = Counter(
            "alerts_tries",
            "Tries to deliver a message, by how they ended, since the process started",
            ["channel", "outcome"],
            registry=self.registry,
        )
        self.up.set(process != DOWN)
        self._set(detail_of(process))

    def _set(self, detail: Mapping[str, Any]) -> None:
        if isinstance(count := detail.get("incidents"), int):
            self.incidents.set(count)
        channels = detail.get("channels")
        for channel, states in channels.items() if isinstance(channels, Mapping) else ():
            for state, count in states.items() if isinstance(states, Mapping) else ():
                if isinstance(count, int):
                    self.messages.labels(channel, state).set(count)
        tries = detail.get("tries")
        for each in tries if isinstance(tries, list) else ():
            if isinstance(each, Mapping) and isinstance(count := each.get("count"), int):
                labels = str(each.get("channel")), str(each.get("outcome"))
                self.tries.labels(*labels).inc(max(0, count))
