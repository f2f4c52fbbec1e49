"""The state at one moment, as every socket gets it first.

Read by the hub. A snapshot is shared by all who asked before its reading began: thousands of
sockets that connect together cost one reading, and none gets a state older than its request.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import redis
import structlog
from channels.db import database_sync_to_async
from django.db import DatabaseError

from dashboard import frames
from dashboard.current_signals import CurrentSignals
from dashboard.history import recent_forecasts
from dashboard.hot_state import HotState
from dashboard.subscriber import Snapshot
from market.clock import LIVE_TIME

SPAN_MS = 300_000
"""How far back a snapshot's prices and forecasts reach."""

log = structlog.get_logger(__name__)

Health = Callable[[], dict[str, Any]]


class SnapshotTaker:
    """Takes one snapshot at a time; health is what the hub last knew."""

    def __init__(
        self,
        hot: HotState,
        health: Health,
        *,
        forecast_symbols: Sequence[str],
        signal_symbols: Sequence[str],
    ) -> None:
        self._hot = hot
        self._health = health
        self._forecast_symbols = frozenset(forecast_symbols)
        self._signal_symbols = frozenset(signal_symbols)
        self._known = list(dict.fromkeys((*forecast_symbols, *signal_symbols)))
        self._waiting: dict[tuple[str, ...], asyncio.Task[Snapshot]] = {}
        self._reading = asyncio.Lock()

    async def take(self, symbols: tuple[str, ...]) -> Snapshot:
        """Return a snapshot whose reading begins after this call."""
        task = self._waiting.get(symbols)
        if task is None:
            task = self._waiting[symbols] = asyncio.create_task(self._take(symbols))
        # One asker that goes away must not take the others' snapshot with it.
        return await asyncio.shield(task)

    async def _take(self, symbols: tuple[str, ...]) -> Snapshot:
        async with self._reading:
            del self._waiting[symbols]  # who asks from here on needs a newer one
            return await self._read(symbols)

    async def _read(self, followed: tuple[str, ...]) -> Snapshot:
        symbols = tuple(s for s in followed if s in self._forecast_symbols)
        signal_symbols = tuple(s for s in followed if s in self._signal_symbols)
        market, known = LIVE_TIME, True
        newest: dict[str, Any] = {}
        quotes: dict[str, str] = {}
        prices: dict[str, list[list[float]]] = {}
        signals = CurrentSignals()
        try:
            signals = await self._hot.signals(signal_symbols)
            newest = await self._hot.predictions(symbols)
            market, quotes = await self._hot.quotes(symbols)
            prices = await self._hot.prices(symbols, SPAN_MS)
        except (redis.RedisError, OSError) as error:
            known = False
            log.warning("snapshot_without_redis", error=str(error))
        forecasts = await self._forecasts(market.venue, symbols, newest, prices) if known else None
        text = frames.snapshot(
            {
                "server_ms": self._health()["server_ms"],
                "venue": market.venue if known else None,
                "live": market.live if known else None,
                "symbols": list(symbols),
                "signal_symbols": list(signal_symbols),
                "known_symbols": self._known,
                "predictions": newest,
                "forecasts": forecasts,
                "prices": prices,
                "signals": signals.frames,
                "signal_errors": signals.errors,
                "health": self._health(),
            }
        )
        # Quotes come encoded; they are put in rather than decoded again.
        text = f'{text[:-2]},"quotes":{frames.encoded_object(quotes)}}}}}'
        held = {s: (p["venue"], p["timestamp"]) for s, p in newest.items() if p is not None}
        return Snapshot(text, held)

    async def _forecasts(
        self,
        venue: str,
        symbols: tuple[str, ...],
        newest: dict[str, Any],
        prices: dict[str, list[list[float]]],
    ) -> dict[str, Any] | None:
        moments = [p["timestamp"] for p in newest.values() if p and p["venue"] == venue]
        moments += [line[-1][0] for line in prices.values() if line]
        if not moments:
            return {symbol: [] for symbol in symbols}
        since_ms = int(max(moments)) - SPAN_MS
        read = database_sync_to_async(recent_forecasts)
        try:
            forecasts: dict[str, Any] = await read(venue=venue, symbols=symbols, since_ms=since_ms)
            return forecasts
        except DatabaseError as error:
            log.warning("snapshot_without_ledger", error=str(error))
            return None
