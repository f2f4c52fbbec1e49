"""Rollback watches for Prometheus: what the recorder last told, never waited for.

Read by the web process's `/metrics`. What was told too long ago is shown no more.
"""

import time
from collections.abc import Iterator

import redis
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily

from market import keys
from predictions.api.redis_client import web_redis
from predictions.api.told_metrics import ToldCollector
from predictions.promotion.told_watches import ROLLBACK_FIELD, WatchesTold, fresh_watches

_GAUGES = {
    "rollback_e_value": "evidence that a champion loses to its rival; it is rolled back at 100",
    "rollback_loss_difference": "mean loss of a champion minus its rival's",
    "rollback_decisions": "decisions that a champion's watch rests on",
}
_FIELDS = {
    "rollback_e_value": "e_value",
    "rollback_loss_difference": "difference",
    "rollback_decisions": "decisions",
}
AGE = "rollback_age_seconds"
ROLLBACK_METRICS = (*_GAUGES, AGE)


class RollbackCollector(ToldCollector):
    """The gauges of it."""

    def __init__(self) -> None:
        super().__init__()
        self._told: WatchesTold | None = None

    async def _read(self) -> None:
        try:
            text = await web_redis().hget(keys.retraining(), ROLLBACK_FIELD)
        except (redis.RedisError, OSError):
            text = None
        self._told = fresh_watches(text, time.time_ns() // 1_000_000)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges of what is known."""
        told = self._told
        for name, text in _GAUGES.items():
            gauge = GaugeMetricFamily(name, text, labels=("slot", "version", "rival", "venue"))
            for watch in told.watches if told is not None else ():
                value = getattr(watch, _FIELDS[name])
                # Unknown is absent: a gauge of zero would be a claim.
                if told is not None and value is not None:
                    gauge.add_metric((watch.slot, watch.version, watch.rival, told.venue), value)
            yield gauge
        age = GaugeMetricFamily(AGE, "since the recorder looked at champions", labels=("venue",))
        if told is not None:
            age.add_metric((told.venue,), time.time() - told.made_ms / 1e3)
        yield age


def register(registry: CollectorRegistry = REGISTRY) -> RollbackCollector:
    """Return a collector that a registry shows."""
    collector = RollbackCollector()
    registry.register(collector)
    return collector
