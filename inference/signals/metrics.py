"""Prometheus metrics of the signal loop, observed after a batch's write."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from inference.signals.entry import BatchEntry
from inference.vocabulary import SignalReason


class SignalMetrics:
    """One loop's metrics in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.batches = Counter(
            "signals_batches_total", "Batches written", ["timeframe"], registry=registry
        )
        self.made = Counter(
            "signals_made_total", "Signals made", ["timeframe", "direction"], registry=registry
        )
        self.superseding = Counter(
            "signals_superseding_total",
            "Signals made again because their candle was confirmed or restated",
            ["timeframe"],
            registry=registry,
        )
        self.errors = Counter(
            "signals_errors_total",
            "Candles of a coin without a signal, told",
            ["timeframe", "code"],
            registry=registry,
        )
        self.late = Counter(
            "signals_candles_late_total",
            "Candles that had not arrived 30 s after their close",
            ["timeframe"],
            registry=registry,
        )
        self.missed = Counter(
            "signals_candles_missed_total",
            "Candles of a coin that closed while no loop ran, so that nothing was said",
            ["timeframe"],
            registry=registry,
        )
        self.latency = Histogram(
            "signals_latency_seconds",
            "From a candle's arrival to its signal's publication",
            buckets=(0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0, 5.0, 30.0),
            registry=registry,
        )
        self.duration = Histogram(
            "signals_batch_duration_seconds",
            "From a batch's start to its publication",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
            registry=registry,
        )
        self.last_batch = Gauge(
            "signals_last_batch_timestamp_seconds",
            "UTC at which the last batch was written",
            ["timeframe"],
            registry=registry,
        )
        self.refused = Counter(
            "signals_writes_refused_total",
            "Writes that Redis or the fence refused",
            ["outcome"],
            registry=registry,
        )
        self.artefacts_refused = Gauge(
            "signals_artefacts_refused",
            "Model files that lie there and are refused, so that others serve or none",
            registry=registry,
        )
        self.redis_up = Gauge("signals_redis_up", "Whether Redis answered last", registry=registry)
        self.leader = Gauge(
            "signals_leader", "Whether this loop holds the lease", registry=registry
        )

    def observe(
        self, entry: BatchEntry, *, wall_s: float, seconds: float, latencies_s: Iterable[float]
    ) -> None:
        """Take in a batch that was written at wall_s (UTC), `seconds` after it was begun."""
        timeframe = entry.timeframe.value
        self.batches.labels(timeframe).inc()
        self.last_batch.labels(timeframe).set(wall_s)
        self.duration.observe(seconds)
        self.missed.labels(timeframe).inc(entry.missed)
        for said in entry.signals:
            self.made.labels(timeframe, said.signal.direction.value).inc()
            if said.revision:
                self.superseding.labels(timeframe).inc()
        for gap in entry.gaps:
            self.errors.labels(timeframe, gap.code.value).inc()
            if gap.code is SignalReason.CANDLE_LATE:
                self.late.labels(timeframe).inc()
        for latency in latencies_s:
            self.latency.observe(latency)
