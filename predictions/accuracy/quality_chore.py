"""Telling Redis what predictions were worth of late: part of what the recorder's process does."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import redis
from django.db.models import Max

from inference.vocabulary import FORECASTS, SIGNALS
from market import keys
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.clock import LIVE_TIME, MarketTime
from predictions.accuracy.quality import (
    ForecastQuality,
    SignalQuality,
    spoken_symbols,
    symbol_quality,
    timeframe_quality,
)
from predictions.accuracy.questions import TooMuchAskedError, newest_ms
from predictions.accuracy.signal_rows import newest_signal_ms
from predictions.models import SignalOutcome

EVERY_SECONDS = 60.0
LOOK_SECONDS = 2.0
"""How often it is asked whose market runs: another one, and the first, is measured at once."""
SIGNALS_EVERY_SECONDS = 600.0
"""Signals are measured anew at most so often, where any was graded since."""
PIECE_SECONDS = 0.2
"""A run begins no further symbol or timeframe after so long: recording comes first."""


@dataclass(slots=True)
class QualityChore:
    """Measures the running venue and writes `quality:`; what is not renewed runs out."""

    client: redis.Redis
    market_time: Callable[[], MarketTime | None]
    every_seconds: float = LOOK_SECONDS
    name: str = "quality"
    clock: Callable[[], float] = time.monotonic
    wall_ns: Callable[[], int] = time.time_ns
    _pieces: list[Callable[[], None]] = field(init=False, default_factory=list)
    _forecasts: ForecastQuality | None = field(init=False, default=None)
    _signals: SignalQuality | None = field(init=False, default=None)
    _outcome: int = field(init=False, default=-1)
    _measured_at: float = field(init=False, default=float("-inf"))
    _begun_at: float = field(init=False, default=float("-inf"))

    def run(self) -> bool:
        """Measure some symbols or timeframes; write when all are; return whether some are left.

        Begins a minute after the last time, or where another market runs than was measured.
        """
        market = self.market_time() or LIVE_TIME
        begun = self._forecasts
        if begun is None or (begun.venue, begun.live) != (market.venue, market.live):
            self._begin(market)
        elif not self._pieces:
            if self.clock() - self._begun_at < EVERY_SECONDS:
                return False
            self._begin(market)
        until = self.clock() + PIECE_SECONDS
        while self._pieces:
            self._pieces[-1]()
            self._pieces.pop()
            if self._pieces and self.clock() >= until:
                return True
        for engine, quality in ((FORECASTS, self._forecasts), (SIGNALS, self._signals)):
            text = msgspec.json.encode(quality)
            self.client.set(keys.quality(engine), text, ex=keys.QUALITY_SECONDS)
        return False

    def detail(self) -> dict[str, Any]:
        """Return how much was measured last, and of how many symbols there was too much."""
        forecasts, signals = self._forecasts, self._signals
        symbols = list(forecasts.symbols.values()) if forecasts is not None else []
        return {
            "symbols": len(symbols) - symbols.count(None),
            "not_measured": symbols.count(None),
            "timeframes": len(signals.timeframes) if signals is not None else 0,
        }

    def _begin(self, market: MarketTime) -> None:
        self._pieces, self._begun_at = [], self.clock()
        venue, made_ms = market.venue, self.wall_ns() // 1_000_000
        forecasts = self._forecasts = ForecastQuality(
            venue=venue, live=market.live, made_ms=made_ms, symbols={}
        )
        newest = newest_ms(venue)
        if newest is not None:
            self._pieces += [
                partial(_measure_symbol, forecasts, symbol, newest)
                for symbol in spoken_symbols(venue, newest)
            ]
        if self._signals_due(market):
            signals = self._signals = SignalQuality(
                venue=venue, live=market.live, made_ms=made_ms, models={}, timeframes={}
            )
            newest = newest_signal_ms(venue)
            if newest is not None:
                self._pieces += [
                    partial(_measure_timeframe, signals, timeframe, newest)
                    for timeframe in SIGNAL_TIMEFRAMES
                ]
        elif self._signals is not None:
            self._signals = msgspec.structs.replace(self._signals, made_ms=made_ms)

    def _signals_due(self, market: MarketTime) -> bool:
        now, known = self.clock(), self._signals
        newest = SignalOutcome.objects.aggregate(id=Max("id"))["id"] or 0
        if known is not None and (known.venue, known.live) == (market.venue, market.live):
            if newest == self._outcome or now - self._measured_at < SIGNALS_EVERY_SECONDS:
                return False
        self._outcome, self._measured_at = newest, now
        return True


def _measure_symbol(quality: ForecastQuality, symbol: str, newest: int) -> None:
    try:
        quality.symbols[symbol] = symbol_quality(quality.venue, symbol, newest)
    except TooMuchAskedError:
        quality.symbols[symbol] = None


def _measure_timeframe(quality: SignalQuality, timeframe: Timeframe, newest: int) -> None:
    measured, models = timeframe_quality(quality.venue, timeframe, newest)
    quality.timeframes[timeframe.value] = measured
    quality.models.update(models)
