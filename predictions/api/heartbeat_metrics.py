"""Metrics of the processes that serve none themselves, out of their heartbeats, for Prometheus."""

from collections.abc import Callable, Mapping
from typing import Protocol

import redis
from prometheus_client import CollectorRegistry, generate_latest

from market import keys
from predictions.api.alert_metrics import AlertMetrics
from predictions.api.market_metrics import MarketMetrics
from predictions.api.mqtt_metrics import MqttMetrics
from predictions.api.recorder_metrics import RecorderMetrics
from predictions.api.redis_client import web_redis
from predictions.api.retraining_metrics import RetrainingMetrics
from predictions.api.shadow_metrics import ShadowMetrics
from predictions.watching.heartbeats import Process, answers, told


class Metrics(Protocol):
    """What one heartbeat says."""

    registry: CollectorRegistry


METRICS: Mapping[str, Callable[[Process], Metrics]] = {
    "recorder": RecorderMetrics,
    "shadow": ShadowMetrics,
    "market": MarketMetrics,
    "alerts": AlertMetrics,
    "mqtt": MqttMetrics,
    "retrain": RetrainingMetrics,
}


async def heartbeat_metrics() -> bytes:
    """Return them as text; nothing where Redis does not answer."""
    pipeline = web_redis().pipeline(transaction=False)
    for name in METRICS:
        pipeline.hgetall(keys.health(name))
    try:
        beats = await answers(pipeline)
    except (redis.RedisError, OSError):
        return b""
    return b"".join(
        generate_latest(metrics(told(beat or {})).registry)
        for metrics, beat in zip(METRICS.values(), beats, strict=True)
    )
