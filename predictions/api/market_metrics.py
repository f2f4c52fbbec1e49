"""The market feed for Prometheus, out of its heartbeat: it serves no port of its own."""

from typing import Any

import redis
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from market import keys
from predictions.api.redis_client import web_redis
from predictions.watching.heartbeats import DOWN, Process, told
from predictions.watching.market_facts import feed_state, outage


class MarketMetrics:
    """What one heartbeat says; what a market does not tell, as a replay's feed, is left out."""

    def __init__(self, process: Process) -> None:
        self.registry = CollectorRegistry()
        self.up = Gauge(
            "market_up", "Whether the market process's heartbeat is there", registry=self.registry
        )
        self.feed_down = Gauge(
            "market_feed_down", "Whether no exchange answers", registry=self.registry
        )
        self.connections = Gauge(
            "market_feed_connections",
            "Connections to the exchange",
            ["exchange", "state"],
            registry=self.registry,
        )
        self.events = Counter(
            "market_feed_events",
            "What happened to the live feed since its start",
            ["exchange", "what"],
            registry=self.registry,
        )
        self.clock_offset = Gauge(
            "market_clock_offset_seconds",
            "The exchange's clock minus ours",
            ["exchange"],
            registry=self.registry,
        )
        self.clock_uncertainty = Gauge(
            "market_clock_uncertainty_seconds",
            "By how much that may be wrong, to either side",
            ["exchange"],
            registry=self.registry,
        )
        self.up.set(process != DOWN)
        self.feed_down.set(outage(process) is not None)
        self._set(process)

    def _set(self, process: Process) -> None:
        feed = feed_state(process)
        if feed is None:
            return
        up = sum(each.up for each in feed.connections)
        self.connections.labels(feed.exchange, "up").set(up)
        self.connections.labels(feed.exchange, "down").set(len(feed.connections) - up)
        for name, count in feed.counters.items():
            self.events.labels(feed.exchange, name).inc(max(0, count))
        for gauge, value_ms in (
            (self.clock_offset, feed.clock_offset_ms),
            (self.clock_uncertainty, feed.clock_uncertainty_ms),
        ):
            if value_ms is not None:
                gauge.labels(feed.exchange).set(value_ms / 1e3)


async def market_metrics() -> bytes:
    """Return the market feed's metrics as text; nothing where Redis does not answer."""
    try:
        client: Any = web_redis()
        beat = await client.hgetall(keys.health("market"))
    except redis.ResponseError:
        beat = {}  # the key holds another type; the next heartbeat replaces it
    except (redis.RedisError, OSError):
        return b""
    return generate_latest(MarketMetrics(told(beat)).registry)
