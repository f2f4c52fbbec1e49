"""The markets that sockets look at closely: book and trades, read once for all who watch them.

Read by the hub. A watched symbol is polled once a process, however many sockets watch it; where
nobody watches, nothing is read. A socket gets all there is first (the `market` frame), then what
changed: both come from the same readings, so nothing is missing between them or told twice.
"""

import asyncio
from contextlib import suppress
from typing import Any

import structlog

from dashboard import frames
from dashboard.depth import Depth, encoded_book
from dashboard.enduring import enduring
from dashboard.history import ledger_forecasts
from dashboard.hot_state import AWAY, HotState
from dashboard.outbox import BOOK_SLOT, TRADES_SLOT, Frame
from dashboard.shared_reading import SharedReading
from dashboard.snapshot import SPAN_MS
from dashboard.subscriber import Subscriber
from market.backoff import Backoff
from market.clock import MarketTime

POLL_SECONDS = 0.25
"""How often a watched market is read: a book is told at most so often."""

log = structlog.get_logger(__name__)


class Watching:
    """Who watches which symbol, and what each of those symbols' markets showed last."""

    def __init__(self, hot: HotState) -> None:
        self._hot = hot
        self._watchers: dict[str, set[Subscriber]] = {}
        self._depths: dict[str, Depth] = {}
        self._past = SharedReading(self._read_past)
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._watchers)

    def watch(self, subscriber: Subscriber, symbol: str | None) -> None:
        """Have a socket watch this symbol, instead of the one before; None: no symbol."""
        self.leave(subscriber)
        subscriber.watch(symbol)
        if symbol is None:
            return
        self._watchers.setdefault(symbol, set()).add(subscriber)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(enduring(self._run))

    def leave(self, subscriber: Subscriber) -> None:
        symbol = subscriber.watching
        watchers = self._watchers.get(symbol or "")
        if symbol is None or watchers is None:
            return
        watchers.discard(subscriber)
        if not watchers:
            del self._watchers[symbol]
            self._depths.pop(symbol, None)

    def stop(self) -> list[asyncio.Task[None]]:
        """Forget everyone; return what is still to be cancelled."""
        self._watchers.clear()
        self._depths.clear()
        task, self._task = self._task, None
        return [] if task is None else [task]

    async def market(self, symbol: str) -> str:
        """Return the `market` frame, as of its return: what changes later is offered."""
        past = await self._past.take(symbol)
        async with self._reading:
            if symbol not in self._depths:
                with suppress(*AWAY):
                    await self._read((symbol,))
            if symbol in self._watchers:
                # Where it could not be read, all of it is told once it can.
                self._depths.setdefault(symbol, Depth())
        depth = self._depths.get(symbol, Depth())
        return frames.market(frames.market_data(past, depth.book, depth.trades))

    async def _run(self) -> None:
        backoff = Backoff()
        while self._watchers:
            try:
                async with self._reading:
                    await self._read(self.symbols)
                backoff = Backoff()
                await asyncio.sleep(POLL_SECONDS)
            except AWAY:
                # The hub says that Redis is away, and has all markets sent anew when it is back.
                await asyncio.sleep(backoff.next_seconds())

    async def _read(self, symbols: tuple[str, ...]) -> None:
        market, depths = await self._hot.depths(symbols)
        for symbol, (raw, raw_tape) in depths.items():
            earlier = self._depths.get(symbol)
            depth = (earlier or Depth()).followed_by(raw, raw_tape)
            if symbol not in self._watchers:
                continue
            self._depths[symbol] = depth
            if earlier is not None:
                self._tell(symbol, market, earlier, depth)

    def _tell(self, symbol: str, market: MarketTime, earlier: Depth, depth: Depth) -> None:
        told = []
        whose: dict[str, Any] = {"venue": market.venue, "live": market.live}
        if depth.sides != earlier.sides:
            book = encoded_book(None, ([], [])) if depth.sides is None else depth.book
            told.append(Frame(BOOK_SLOT, frames.book(symbol, book, **whose)))
        if newer := depth.newer_trades(earlier):
            told.append(Frame(TRADES_SLOT, frames.trades(symbol, newer, **whose)))
        for frame in told:
            for subscriber in self._watchers[symbol]:
                subscriber.offer_watched(frame)

    async def _read_past(self, symbol: str) -> dict[str, Any]:
        head: dict[str, Any] = dict.fromkeys(("venue", "live", "prices", "forecasts"))
        try:
            market, _ = await self._hot.quotes(())
            newest = (await self._hot.predictions((symbol,)))[symbol]
            prices = (await self._hot.prices((symbol,), SPAN_MS))[symbol]
        except AWAY as error:
            log.warning("market_without_redis", symbol=symbol, error=str(error))
            return {"symbol": symbol} | head
        moments = [line[0] for line in prices[-1:]]
        if newest is not None and newest["venue"] == market.venue:
            moments.append(newest["timestamp"])
        forecasts = await ledger_forecasts(market.venue, (symbol,), moments, SPAN_MS)
        return {
            "symbol": symbol,
            "venue": market.venue,
            "live": market.live,
            "prices": prices,
            "forecasts": None if forecasts is None else forecasts[symbol],
        }
