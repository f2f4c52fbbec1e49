"""What `/api/candles` answers with, read from the candle store.

Imports Polars by way of the store: the view imports this module when it is first asked.
"""

import time
from dataclasses import fields
from typing import Any

from django.conf import settings

from inference.signals.moment import Moment, unwatched
from inference.signals.signal import iso
from market.candles.forming import forming
from market.candles.series import CandleSeries
from market.candles.store import CandleStore, CandleStoreError, venues_of
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.clock import MADE_UP, MarketTime
from predictions.api.candle_queries import CandleQuestion
from predictions.api.running_market import UNREADABLE_TIME

__all__ = ["CandleStoreError", "answer"]


def answer(asked: CandleQuestion, running: MarketTime | None) -> dict[str, Any]:
    """Return the body. running: what `clock:market` says; None where it says nothing.

    Raises CandleStoreError naming a file that is damaged.
    """
    store = CandleStore(settings.CANDLES_DIR)
    now = _now(store, running)
    if asked.venue not in (None, now.venue):
        # What time it is in another market is not known; what is stored of it has closed.
        now = Moment(asked.venue, False, time.time() * 1e3)
    venues = _venues(asked.venue, now.venue)
    until_ms = now.now_ms if asked.to_ms is None else min(asked.to_ms, now.now_ms)
    found = store.read(
        venues, asked.symbol, asked.timeframe, closed_by_ms=until_ms, count=asked.limit
    )
    told: dict[str, Any] = {
        "status": "success",
        "timestamp": iso(now.now_ms),
        "symbol": asked.symbol,
        "timeframe": asked.timeframe.value,
        "count": len(found),
        "candles": _items(found, asked.timeframe),
        "forming": None,
        "venue": now.venue,
        "live": now.live,
    }
    if until_ms == now.now_ms:
        told["forming"] = _forming(store, venues, asked, until_ms)
    return told


def _now(store: CandleStore, running: MarketTime | None) -> Moment:
    if running is not None:
        return Moment.of(running)
    return unwatched(
        settings.MARKET_KIND,
        settings.CANDLE_EXCHANGE,
        lambda venue: store.holds(venue, settings.SIGNAL_SYMBOLS, SIGNAL_TIMEFRAMES),
    )


def _venues(asked: str | None, venue: str) -> tuple[str, ...]:
    if venue == UNREADABLE_TIME.venue:
        return ()
    if asked is None or asked.startswith(MADE_UP):
        return venues_of(venue, settings.CANDLE_EXCHANGE)
    return (asked,)


def _items(candles: CandleSeries, timeframe: Timeframe) -> list[dict[str, Any]]:
    names = [field.name for field in fields(candles)][1:]
    rows = zip(*(getattr(candles, name).tolist() for name in names), strict=True)
    return [
        {"candle_open": iso(open_ms), "candle_close": iso(open_ms + timeframe.ms)}
        | dict(zip(names, row, strict=True))
        for open_ms, row in zip(candles.open_ms.tolist(), rows, strict=True)
    ]


def _forming(
    store: CandleStore, venues: tuple[str, ...], asked: CandleQuestion, now_ms: float
) -> dict[str, Any] | None:
    found = forming(store, venues, asked.symbol, asked.timeframe, now_ms)
    if found is None:
        return None
    return {
        "candle_open": iso(found.open_ms),
        "candle_close": iso(found.open_ms + asked.timeframe.ms),
        "known_until": iso(found.until_ms),
        "open": found.open,
        "high": found.high,
        "low": found.low,
        "close": found.close,
        "volume": found.volume,
    }
