"""Quality of what was predicted, for Prometheus: what the recorder last told, never waited for.

Read by the web process's `/metrics`. A scrape starts a reading of Redis and gives it a moment; it
shows what is known by then. What ran out in Redis is shown no more.
"""

import time
from collections.abc import Iterator
from typing import Any

import redis
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily

from inference.vocabulary import FORECASTS, SIGNALS
from market import keys
from predictions.accuracy.quality import (
    ForecastQuality,
    Quality,
    SignalQuality,
    decode_forecast_quality,
    decode_signal_quality,
)
from predictions.api.redis_client import web_redis
from predictions.api.told_metrics import ToldCollector

_FORECASTS = {
    "hit_rate": "direction hits of graded forecasts",
    "mae_ratio": "error against no change",
    "coverage": "share inside the 90 % interval",
    "ece": "calibration error of P(up)",
    "n": "graded forecasts",
}
_SIGNALS = {
    "hit_rate": "direction hits of graded signals, given a touch",
    "ece": "calibration error of the three classes",
    "n": "graded signals, one a candle",
}
_NAMES = {"n": "graded"}
AGE = "quality_age_seconds"
QUALITY_METRICS = (
    *(f"quality_forecasts_{_NAMES.get(name, name)}" for name in _FORECASTS),
    *(f"quality_signals_{_NAMES.get(name, name)}" for name in _SIGNALS),
    AGE,
)


class QualityCollector(ToldCollector):
    """The gauges of it."""

    def __init__(self) -> None:
        super().__init__()
        self._forecasts: ForecastQuality | None = None
        self._signals: SignalQuality | None = None

    async def _read(self) -> None:
        try:
            pipeline = web_redis().pipeline(transaction=False)
            for engine in (FORECASTS, SIGNALS):
                pipeline.get(keys.quality(engine))
            forecasts, signals = await pipeline.execute(raise_on_error=False)
        except (redis.RedisError, OSError):
            forecasts = signals = None
        self._forecasts = decode_forecast_quality(forecasts)
        self._signals = decode_signal_quality(signals)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges of what is known."""
        if self._forecasts is not None:
            yield from _of_forecasts(self._forecasts)
        if self._signals is not None:
            yield from _of_signals(self._signals)
        age = GaugeMetricFamily(AGE, "since the recorder measured", labels=("engine", "venue"))
        for engine, known in ((FORECASTS, self._forecasts), (SIGNALS, self._signals)):
            if known is not None:
                age.add_metric((engine, known.venue), time.time() - known.made_ms / 1e3)
        yield age


def _of_forecasts(known: ForecastQuality) -> Iterator[GaugeMetricFamily]:
    for name, text in _FORECASTS.items():
        gauge = GaugeMetricFamily(
            f"quality_forecasts_{_NAMES.get(name, name)}",
            text,
            labels=("symbol", "venue", "window"),
        )
        for symbol, quality in known.symbols.items():
            if quality is None:
                continue
            for window, figures in (("1h", quality.hour), ("24h", quality.day)):
                _add(gauge, (symbol, known.venue, window), figures, name)
        yield gauge


def _of_signals(known: SignalQuality) -> Iterator[GaugeMetricFamily]:
    for name, text in _SIGNALS.items():
        gauge = GaugeMetricFamily(
            f"quality_signals_{_NAMES.get(name, name)}",
            text,
            labels=("timeframe", "venue", "model_version"),
        )
        for timeframe, models in known.timeframes.items():
            for version, model in models.items():
                _add(gauge, (timeframe, known.venue, version), model.quality, name)
        yield gauge


def _add(gauge: Any, labels: tuple[str, ...], figures: Quality, name: str) -> None:
    # Unknown is absent: a gauge of zero would be a claim.
    value = getattr(figures, name)
    if value is not None:
        gauge.add_metric(labels, value)


def register(registry: CollectorRegistry = REGISTRY) -> QualityCollector:
    """Return a collector that a registry shows."""
    collector = QualityCollector()
    registry.register(collector)
    return collector
