"""One open socket as the hub sees it: which symbols, what it was sent, what it is to get.

Read by the hub and the consumer. Its task alone sends; the hub only offers, so that no slow
socket ever holds up another.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from dashboard.outbox import BOOK_SLOT, TRADES_SLOT, Frame, Outbox
from dashboard.ticks import Tick

MAX_EARLY_TICKS = 32
"""Ticks kept while a snapshot is being taken; the snapshot holds what drops out."""

SNAPSHOT_EVERY_SECONDS = 0.5
"""A socket that asks for snapshots faster (by `subscribe`) waits for the next."""

MARKET_EVERY_SECONDS = 0.25
"""The same for `watch`."""

INTERNAL_ERROR = 1011
"""WebSocket close code; a client may try again."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at one moment. held: venue and tick time of each symbol's forecast in it."""

    text: str
    held: Mapping[str, tuple[str, int]]

    def holds(self, symbol: str, tick: Tick) -> bool:
        venue, tick_ms = self.held.get(symbol, ("", 0))
        return venue == tick.venue and tick.tick_ms <= tick_ms


TakeSnapshot = Callable[[tuple[str, ...]], Awaitable[Snapshot]]
TakeMarket = Callable[[str], Awaitable[str]]


class Subscriber:
    """Buffers from the moment it is made, so that no tick falls between it and its snapshot."""

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        close: Callable[[int], Awaitable[None]],
        symbols: tuple[str, ...],
        *,
        single: bool,
    ) -> None:
        self._send = send
        self._close = close
        self.symbols = symbols
        self.watched = frozenset(symbols)
        self.single = single
        self.outbox = Outbox()
        self._wake = asyncio.Event()
        self._early: deque[tuple[Tick, str]] | None = deque(maxlen=MAX_EARLY_TICKS)
        self._stale = True
        self._snapshot: Snapshot | None = None
        self._snapshot_due = 0.0
        self.watching: str | None = None
        self._market_stale = False
        self._market_due = 0.0

    def watches(self, symbol: str) -> bool:
        return symbol in self.watched

    def narrow(self, symbols: tuple[str, ...]) -> None:
        """Follow these symbols alone from now on; a new snapshot comes first."""
        self.symbols = symbols
        self.watched = frozenset(symbols)
        self.refresh()

    def refresh(self) -> None:
        """Have a new snapshot sent before anything else."""
        self._stale = True
        self._market_stale = self.watching is not None
        self._early = deque(maxlen=MAX_EARLY_TICKS)
        self.outbox.reset()
        self._wake.set()

    def watch(self, symbol: str | None) -> None:
        """Watch this symbol's market from now on; all there is of it comes first."""
        self.watching = symbol
        self._market_stale = symbol is not None
        self.outbox.discard(BOOK_SLOT, TRADES_SLOT)
        self._wake.set()

    def offer_watched(self, frame: Frame) -> None:
        """Offer what changed in the watched market; the `market` frame to come holds it."""
        if not self._market_stale:
            self.offer(frame)

    def offer_tick(self, tick: Tick, text: str) -> None:
        if self._early is not None:
            self._early.append((tick, text))
        elif not self._has(tick):
            self._offer_tick(tick, text)

    def offer(self, frame: Frame) -> None:
        self.outbox.offer(frame)
        self._wake.set()

    def acknowledge(self, seq: int) -> None:
        """Pass on a client's acknowledgement. Raises ValueError where it cannot be one."""
        self.outbox.acknowledge(seq)
        self._wake.set()

    async def run(self, take_snapshot: TakeSnapshot, take_market: TakeMarket) -> None:
        """Send until cancelled: a snapshot when one is due, then frames as they come."""
        try:
            await self._serve(take_snapshot, take_market)
        except Exception:
            log.exception("socket_failed", symbols=self.symbols[:5])
            await self._close(INTERNAL_ERROR)

    async def _serve(self, take_snapshot: TakeSnapshot, take_market: TakeMarket) -> None:
        while True:
            self._wake.clear()
            if self._stale:
                await self._send_snapshot(take_snapshot)
            elif self._market_stale and self.watching is not None:
                await self._send_market(self.watching, take_market)
            else:
                for text in self.outbox.take():
                    await self._send(text)
                await self._wake.wait()

    async def _send_snapshot(self, take: TakeSnapshot) -> None:
        await asyncio.sleep(self._snapshot_due - time.monotonic())
        self._snapshot_due = time.monotonic() + SNAPSHOT_EVERY_SECONDS
        self._stale = False
        snapshot = await take(self.symbols)
        if not self._stale:  # no other was asked for meanwhile
            await self._send(snapshot.text)
            self._release(snapshot)

    async def _send_market(self, symbol: str, take: TakeMarket) -> None:
        await asyncio.sleep(self._market_due - time.monotonic())
        self._market_due = time.monotonic() + MARKET_EVERY_SECONDS
        text = await take(symbol)
        if self.watching == symbol and not self._stale:
            self._market_stale = False
            await self._send(text)

    def _release(self, snapshot: Snapshot) -> None:
        early, self._early = self._early or (), None
        self._snapshot = snapshot
        for tick, text in early:
            if not self._has(tick):
                self._offer_tick(tick, text)

    def _has(self, tick: Tick) -> bool:
        # A message may reach us after the snapshot that was read from what it announced.
        if self._snapshot is None:
            return False
        return all(self._snapshot.holds(s, tick) for s in tick.frames if self.watches(s))

    def _offer_tick(self, tick: Tick, text: str) -> None:
        # Loops that share the symbols out publish a frame each: one must not replace another.
        slot = f"tick:{next(iter(tick.frames))}"
        self.outbox.offer(Frame(slot, text, tick.seq))
        self._wake.set()
