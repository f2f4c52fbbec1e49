"""The market feed for Prometheus, out of its heartbeat: it serves no port of its own."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from market.feed_state import FeedState
from predictions.watching.heartbeats import DOWN, Process
from predictions.watching.market_facts import feed_state, outage


class FeedEvents(Collector):
    """A live feed's counters, as it has counted them."""

    def __init__(self, feed: FeedState | None) -> None:
        self._feed = feed

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield one counter, without samples where there is no live feed."""
        events = CounterMetricFamily(
            "market_feed_events",
            "What happened to the live feed since its start",
            labels=("exchange", "what"),
        )
        if self._feed is not None:
            for name, count in self._feed.counters.items():
                events.add_metric((self._feed.exchange, name), count)
        yield events


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
        self.registry.register(FeedEvents(feed_state(process)))
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
        for gauge, value_ms in (
            (self.clock_offset, feed.clock_offset_ms),
            (self.clock_uncertainty, feed.clock_uncertainty_ms),
        ):
            if value_ms is not None:
                gauge.labels(feed.exchange).set(value_ms / 1e3)
