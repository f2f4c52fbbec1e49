"""Drift for Prometheus: what `manage.py measure_drift` last told, never waited for.

Read by the web process's `/metrics`. What was measured too long ago is shown no more.
"""

import time
from collections.abc import Callable, Iterator

import redis
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily

from market import keys
from predictions.api.redis_client import web_redis
from predictions.api.told_metrics import ToldCollector
from predictions.promotion.told import DRIFT_FIELD, DriftFigure, DriftKind, DriftTold, fresh_drift

_FEATURE, _LOSS, _CALIBRATION = DriftKind.FEATURE, DriftKind.LOSS, DriftKind.CALIBRATION
_GAUGES: dict[str, tuple[str, tuple[DriftKind, ...], Callable[[DriftFigure], float | None]]] = {
    "drift_psi": ("how far an input moved, as PSI", (_FEATURE,), lambda each: each.value),
    "drift_ks": ("how far an input moved, 0 to 1", (_FEATURE,), lambda each: each.effect),
    "drift_loss_ratio": ("loss against the baseline's", (_LOSS,), lambda each: each.value),
    "drift_calibration_error": (
        "what came true less what was said", (_CALIBRATION,), lambda each: each.value
    ),
    "drift_found": (
        "1 where a figure is past its bounds", tuple(DriftKind), lambda each: each.drifted
    ),
}  # fmt: skip
AGE = "drift_age_seconds"
DRIFT_METRICS = (*_GAUGES, AGE)


class DriftCollector(ToldCollector):
    """The gauges of it."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._wall = wall
        self._told: DriftTold | None = None

    async def _read(self) -> None:
        try:
            text = await web_redis().hget(keys.retraining(), DRIFT_FIELD)
        except (redis.RedisError, OSError):
            text = None
        self._told = fresh_drift(text, int(self._wall() * 1e3))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges of what is known."""
        told = self._told
        for name, (text, kinds, value_of) in _GAUGES.items():
            gauge = GaugeMetricFamily(
                name, text, labels=("slot", "figure", "version", "venue", "against")
            )
            for slot in told.slots if told is not None else ():
                for each in slot.figures:
                    value = value_of(each) if each.kind in kinds else None
                    # Unknown is absent: a gauge of zero would be a claim.
                    if told is not None and value is not None:
                        labels = (slot.slot, each.name, slot.version, told.venue, each.against)
                        gauge.add_metric(labels, float(value))
            yield gauge
        age = GaugeMetricFamily(AGE, "since drift was measured", labels=("venue",))
        if told is not None:
            age.add_metric((told.venue,), self._wall() - told.made_ms / 1e3)
        yield age


def register(registry: CollectorRegistry = REGISTRY) -> DriftCollector:
    """Return a collector that a registry shows."""
    collector = DriftCollector()
    registry.register(collector)
    return collector
