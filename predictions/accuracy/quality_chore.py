"""Telling Redis what predictions were worth of late: part of what the recorder's process does."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import redis
from django.db.models import Max

from inference.vocabulary import FORECASTS, SIGNALS
from market import keys
from market.clock import LIVE_TIME, MarketTime
from predictions.accuracy.quality import SignalQuality, forecast_quality, signal_quality
from predictions.accuracy.signal_rows import newest_signal_ms
from predictions.models import SignalOutcome

EVERY_SECONDS = 60.0
SIGNALS_EVERY_SECONDS = 600.0
"""Signals are measured anew at most so often, where any was graded since."""


@dataclass(slots=True)
class QualityChore:
    """Measures the running venue and writes `quality:`; what is not renewed runs out."""

    client: redis.Redis
    market_time: Callable[[], MarketTime | None]
    every_seconds: float = EVERY_SECONDS
    name: str = "quality"
    clock: Callable[[], float] = time.monotonic
    wall_ns: Callable[[], int] = time.time_ns
    _signals: SignalQuality | None = field(init=False, default=None)
    _outcome: int = field(init=False, default=-1)
    _measured_at: float = field(init=False, default=float("-inf"))
    _took_ms: float | None = field(init=False, default=None)

    def run(self) -> bool:
        """Measure and write once; nothing ever waits."""
        began = self.clock()
        market = self.market_time() or LIVE_TIME
        made_ms = self.wall_ns() // 1_000_000
        forecasts = forecast_quality(market.venue, live=market.live, made_ms=made_ms)
        signals = self._measure_signals(market, made_ms)
        for engine, quality in ((FORECASTS, forecasts), (SIGNALS, signals)):
            text = msgspec.json.encode(quality)
            self.client.set(keys.quality(engine), text, ex=keys.QUALITY_SECONDS)
        self._took_ms = round((self.clock() - began) * 1e3, 1)
        return False

    def detail(self) -> dict[str, Any]:
        """Return how long measuring took."""
        return {"took_ms": self._took_ms}

    def _measure_signals(self, market: MarketTime, made_ms: int) -> SignalQuality:
        now = self.clock()
        newest = SignalOutcome.objects.aggregate(id=Max("id"))["id"] or 0
        known = self._signals
        if known is None or known.venue != market.venue or known.live != market.live:
            due = True
        else:
            due = newest != self._outcome and now - self._measured_at >= SIGNALS_EVERY_SECONDS
        if due or known is None:
            known = signal_quality(
                market.venue,
                live=market.live,
                made_ms=made_ms,
                newest=newest_signal_ms(market.venue),
            )
            self._outcome, self._measured_at = newest, now
        self._signals = msgspec.structs.replace(known, made_ms=made_ms)
        return self._signals
