"""Prometheus metrics of the forecast loop, under the specification's names.

Observed after a tick's write, never within it.
"""

import math

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from inference.forecasts.entry import TickEntry
from inference.forecasts.tally import Rolling
from inference.health import TickReport
from inference.vocabulary import Source

MILLISECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Buckets in seconds around the specification's targets of 5, 30, 50 and 100 ms."""

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class LoopMetrics:
    """One loop's metrics in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.total_latency = Histogram(
            "inference_total_latency_seconds",
            "End-to-end prediction latency: read, model and write",
            buckets=MILLISECONDS,
            registry=registry,
        )
        self.redis_read = Histogram(
            "inference_redis_read_duration_seconds",
            "Redis feature read time",
            buckets=MILLISECONDS,
            registry=registry,
        )
        self.model_prediction = Histogram(
            "inference_model_prediction_duration_seconds",
            "Model inference time",
            buckets=MILLISECONDS,
            registry=registry,
        )
        self.feature_age = Histogram(
            "inference_feature_age_seconds",
            "Age of the features that were believed",
            buckets=(0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0),
            registry=registry,
        )
        self.predictions = Counter(
            "inference_predictions_total",
            "Total predictions generated",
            ["symbol", "source"],
            registry=registry,
        )
        self.confidence = Histogram(
            "inference_confidence_score",
            "Prediction confidence distribution",
            buckets=SHARES,
            registry=registry,
        )
        self.fallbacks = Counter(
            "inference_fallback_predictions_total",
            "Fallback predictions used",
            ["source", "reason"],
            registry=registry,
        )
        self.completeness = Histogram(
            "inference_feature_completeness",
            "Share of the features that is not void",
            buckets=SHARES,
            registry=registry,
        )
        self.write_duration = Histogram(
            "inference_redis_write_duration_seconds",
            "Time of the tick's one atomic write",
            buckets=MILLISECONDS,
            registry=registry,
        )
        self.lateness = Histogram(
            "inference_tick_lateness_seconds",
            "How long after its time a tick began",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0),
            registry=registry,
        )
        self.missed = Counter(
            "inference_ticks_missed_total", "Ticks skipped because too late", registry=registry
        )
        self.late = Counter(
            "inference_ticks_late_total", "Ticks begun over 100 ms late", registry=registry
        )
        self.too_slow = Counter(
            "inference_too_slow_total",
            "Ticks slower than max_inference_latency_ms",
            registry=registry,
        )
        self.refused = Counter(
            "inference_writes_refused_total",
            "Writes that Redis or the fence refused",
            ["outcome"],
            registry=registry,
        )
        self.artefacts_refused = Counter(
            "inference_artefacts_refused_total",
            "Artefacts that were tried and not served",
            ["code"],
            registry=registry,
        )
        self.model_switches = Counter(
            "inference_model_switches_total",
            "Models taken up while running (switched), or refused for the last good one (kept)",
            ["outcome"],
            registry=registry,
        )
        self.clock_steps = Counter(
            "inference_clock_steps_total", "System clock steps over 100 ms", registry=registry
        )
        self.redis_up = Gauge(
            "inference_redis_up", "Whether Redis answered the last tick", registry=registry
        )
        self.leader = Gauge(
            "inference_leader", "Whether this loop holds the lease", registry=registry
        )
        self.memory = Gauge(
            "inference_resident_memory_bytes", "Resident memory of this process", registry=registry
        )
        self.memory_pressure = Counter(
            "inference_memory_pressure_total",
            "Times that memory passed 80 % of its limit",
            registry=registry,
        )
        self.rolling_hit_rate = Gauge(
            "inference_rolling_hit_rate",
            "Direction hits, zero moves excluded, last hour of ticks (NaN: nothing graded)",
            registry=registry,
        )
        self.rolling_mae_ratio = Gauge(
            "inference_rolling_mae_ratio",
            "Mean absolute error against no change, last hour (NaN: nothing graded)",
            registry=registry,
        )
        self.rolling_coverage = Gauge(
            "inference_rolling_coverage",
            "Share of outcomes inside the 90 % interval, last hour (NaN: nothing graded)",
            registry=registry,
        )
        self.rolling_graded = Gauge(
            "inference_rolling_graded", "Forecasts graded in the last hour", registry=registry
        )

    def observe(self, report: TickReport, entry: TickEntry | None, rolling: Rolling) -> None:
        """Take in one tick; entry is None where nothing was written."""
        self.total_latency.observe(report.total_ms / 1e3)
        self.redis_read.observe(report.read_ms / 1e3)
        self.write_duration.observe(report.write_ms / 1e3)
        self.lateness.observe(report.lateness_ms / 1e3)
        if report.model:
            self.model_prediction.observe(report.model_ms / 1e3)
        self.missed.inc(report.missed)
        if report.too_slow:
            self.too_slow.inc()
        self.rolling_graded.set(rolling.graded)
        self.rolling_hit_rate.set(_or_nan(rolling.hit_rate))
        self.rolling_mae_ratio.set(_or_nan(rolling.mae_ratio))
        self.rolling_coverage.set(_or_nan(rolling.coverage))
        if entry is not None:
            self._observe_forecasts(entry)

    def _observe_forecasts(self, entry: TickEntry) -> None:
        # No mid: the features were refused, and their age may be as wrong as they are.
        refused = np.isnan(entry.column("mid_price"))
        ages = np.where(refused, np.nan, entry.column("features_age_ms")).tolist()
        shares = entry.column("completeness").tolist()
        scores = entry.column("confidence").tolist()
        for index, (symbol, source) in enumerate(zip(entry.symbols, entry.sources, strict=True)):
            self.predictions.labels(symbol, source).inc()
            if source != Source.REDIS:
                self.fallbacks.labels(source, entry.reasons[index]).inc()
            self.confidence.observe(scores[index])
            if not math.isnan(ages[index]):
                self.feature_age.observe(ages[index] / 1e3)
            if not math.isnan(shares[index]):
                self.completeness.observe(shares[index])


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
