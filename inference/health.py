"""What the forecast loop says of itself: the specification's /health document.

Kept up to date after each tick from windows of the last five minutes; null where nothing was
measured yet.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

WINDOW_TICKS = 150


@dataclass(frozen=True, slots=True)
class TickReport:
    """One tick in figures. Durations in ms; counts over symbols.

    age_ms: mean age of the features that were believed. refused: symbols by why theirs were not.
    """

    tick: int
    tick_ms: int
    symbols: int
    model: int
    fallbacks: int
    stale: int
    read_ms: float
    model_ms: float
    write_ms: float
    total_ms: float
    lateness_ms: float
    missed: int
    completeness: float | None
    age_ms: float | None
    written: bool
    too_slow: bool
    refused: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(slots=True)
class ModelStatus:
    """What is served. refused: artefacts that were tried and not served, with codes."""

    version: str
    loaded: bool
    path: str = ""
    digest: str = ""
    warnings: tuple[str, ...] = ()
    refused: tuple[dict[str, str], ...] = ()


@dataclass(slots=True)
class LoopStatus:
    """Everything /health needs; written by the loop, read by the health server."""

    service: str
    frequency_seconds: float
    model: ModelStatus
    pool_size: int
    leading: bool = False
    redis_connected: bool = False
    pool_in_use: int = 0
    memory_pressure: bool = False
    venue: str | None = None
    live: bool | None = None
    reports: deque[TickReport] = field(default_factory=lambda: deque(maxlen=WINDOW_TICKS))
    finished: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW_TICKS))
    last_wall: float | None = None

    def add(self, report: TickReport) -> None:
        self.reports.append(report)
        if report.written:
            self.finished.append(time.monotonic() - report.total_ms / 1e3)
            self.last_wall = time.time()

    @property
    def status(self) -> str:
        """healthy; degraded (answers with fallbacks); unhealthy (does not answer); standby."""
        if not self.redis_connected:
            return "unhealthy"
        if not self.leading:
            return "standby"
        if self.last_wall is None:
            return "starting"
        if time.time() - self.last_wall > 3 * self.frequency_seconds + 1:
            return "unhealthy"
        latest = self.reports[-1] if self.reports else None
        if (
            not self.model.loaded
            or self.model.refused
            or self.memory_pressure
            or (latest and latest.model == 0)
        ):
            return "degraded"
        return "healthy"

    def document(self) -> dict[str, Any]:
        """Return the /health document: every field of the specification, and a few more."""
        reports = list(self.reports)
        symbols = sum(report.symbols for report in reports)
        last = self.last_wall
        return {
            "status": self.status,
            "service": self.service,
            "components": {
                "model": {
                    "status": "loaded" if self.model.loaded else "missing",
                    "version": self.model.version,
                    "last_prediction": (
                        None
                        if last is None
                        else datetime.fromtimestamp(last, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                    ),
                    "avg_inference_ms": _mean([r.model_ms for r in reports if r.model]),
                    "predictions_per_minute": self._a_minute(),
                    "digest": self.model.digest or None,
                    "warnings": list(self.model.warnings),
                    "refused": list(self.model.refused),
                },
                "redis_connection": {
                    "status": "connected" if self.redis_connected else "disconnected",
                    "avg_read_latency_ms": _mean([r.read_ms for r in reports]),
                    "feature_freshness_ms": reports[-1].age_ms if reports else None,
                    "connection_pool_usage": round(self.pool_in_use / self.pool_size, 3),
                },
                "prediction_pipeline": {
                    "status": "active" if self.leading else "standby",
                    "frequency_actual": self._period(),
                    "frequency_target": self.frequency_seconds,
                    "avg_total_latency_ms": _mean([r.total_ms for r in reports]),
                    "success_rate": _share(sum(r.model for r in reports), symbols),
                    "missed_ticks": sum(r.missed for r in reports),
                    "too_slow": sum(r.too_slow for r in reports),
                    "venue": self.venue,
                    "live": self.live,
                },
                "feature_quality": {
                    "avg_completeness": _mean([r.completeness for r in reports]),
                    "avg_data_age_ms": _mean([r.age_ms for r in reports]),
                    "stale_feature_rate": _share(sum(r.stale for r in reports), symbols),
                    "refused": dict(reports[-1].refused) if reports else {},
                },
                "memory": {"status": "pressure" if self.memory_pressure else "ok"},
            },
        }

    def _period(self) -> float | None:
        if len(self.finished) < 2:
            return None
        return round(float(np.median(np.diff(self.finished))), 3)

    def _a_minute(self) -> float | None:
        period = self._period()
        return None if not period else round(60 / period, 1)


def _mean(values: list[float] | list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 3) if known else None


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
