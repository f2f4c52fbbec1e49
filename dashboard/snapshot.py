"""The state at one moment, as every socket gets it first.

Read by the hub. A snapshot is shared by all who asked before its reading began: thousands of
sockets that connect together cost one reading, and none gets a state older than its request.
"""

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from dashboard import frames
from dashboard.current_signals import CurrentSignals
from dashboard.history import ledger_forecasts
from dashboard.hot_state import AWAY, HotState
from dashboard.shared_reading import SharedReading
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
        self._shared = SharedReading(self._read)

    async def take(self, symbols: tuple[str, ...]) -> Snapshot:
        """Return a snapshot whose reading begins after this call."""
        return await self._shared.take(symbols)

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
        except AWAY as error:
            known = False
            log.warning("snapshot_without_redis", error=str(error))
        moments = [p["timestamp"] for p in newest.values() if p and p["venue"] == market.venue]
        moments += [line[-1][0] for line in prices.values() if line]
        forecasts = None
        if known:
            forecasts = await ledger_forecasts(market.venue, symbols, moments, SPAN_MS)
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
