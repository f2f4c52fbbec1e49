"""What bots got over MQTT for Prometheus, out of the publisher's heartbeat."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from predictions.watching.heartbeats import DOWN, Process, detail_of

KINDS = {"signals": "signal", "forecasts": "forecast"}
"""Names in the heartbeat, and as labels."""


class MqttMetrics:
    """What one heartbeat says; of a publisher that idles only that it is there."""

    def __init__(self, process: Process) -> None:
        self.registry = CollectorRegistry()
        self.up = Gauge(
            "mqtt_up", "Whether the publisher's heartbeat is there", registry=self.registry
        )
        self.connected = Gauge(
            "mqtt_connected", "Whether the broker is reached", ["broker"], registry=self.registry
        )
        self.published = Counter(
            "mqtt_published",
            "Predictions that were published since the process started",
            ["kind"],
            registry=self.registry,
        )
        self.withheld = Counter(
            "mqtt_withheld",
            "Predictions that were not, by why",
            ["reason"],
            registry=self.registry,
        )
        self.up.set(process != DOWN)
        self._set(detail_of(process))

    def _set(self, detail: Mapping[str, Any]) -> None:
        if isinstance(connected := detail.get("connected"), bool):
            self.connected.labels(str(detail.get("broker"))).set(connected)
        for name, kind in KINDS.items():
            if isinstance(count := detail.get(name), int):
                self.published.labels(kind).inc(max(0, count))
        withheld = detail.get("withheld")
        for reason, count in withheld.items() if isinstance(withheld, Mapping) else ():
            if isinstance(count, int):
                self.withheld.labels(reason).inc(max(0, count))
