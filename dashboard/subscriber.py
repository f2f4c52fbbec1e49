"""One open socket as the hub sees it: which symbols, what it was sent, what it is to get.

Read by the hub and the consumer. While the socket keeps up, the hub's frames go straight to its
wire; what cannot go at once waits in its outbox for its task. No slow socket ever holds up
another.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from dashboard.outbox import BOOK_SLOT, TRADES_SLOT, Frame, Outbox
from dashboard.ticks import Tick
from dashboard.wire import Wire

MAX_EARLY_TICKS = 32
"""Ticks kept while a snapshot is being taken; the snapshot holds what drops out."""

SNAPSHOT_EVERY_SECONDS = 0.5
"""A socket that asks for snapshots faster (by `subscribe`) waits for the next."""

MARKET_EVERY_SECONDS = 0.25
"""The same for `watch`."""

INTERNAL_ERROR = 1011
"""WebSocket close code; a client may try again."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """The state at one moment. held: venue and tick time of each symbol's forecast in it."""

    text: str
    held: Mapping[str, tuple[str, int]]
    frame: Frame = field(init=False)
    newest_ms: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", Frame("snapshot", self.text))
        newest = max((tick_ms for _, tick_ms in self.held.values()), default=-1)
        object.__setattr__(self, "newest_ms", newest)

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
        wire: Wire | None = None,
    ) -> None:
        self._send = send
        self._close = close
        self._wire = wire
        self.symbols = symbols
        self.watched = frozenset(symbols)
        self.single = single
        self.outbox = Outbox()
        self._wake = asyncio.Event()
        self._resting = False
        self._early: deque[tuple[Tick, Frame]] | None = deque(maxlen=MAX_EARLY_TICKS)
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
        self._rouse()

    def watch(self, symbol: str | None) -> None:
        """Watch this symbol's market from now on; all there is of it comes first."""
        self.watching = symbol
        self._market_stale = symbol is not None
        self.outbox.discard(BOOK_SLOT, TRADES_SLOT)
        self._rouse()

    def offer_watched(self, frame: Frame) -> None:
        """Offer what changed in the watched market; the `market` frame to come holds it."""
        if not self._market_stale:
            self.offer(frame)

    def offer_tick(self, tick: Tick, frame: Frame) -> None:
        if self._early is not None:
            self._early.append((tick, frame))
        elif not self._has(tick):
            self.offer(frame)

    def offer(self, frame: Frame) -> None:
        """Send a frame at once where nothing is in its way; otherwise it waits its turn."""
        outbox, wire = self.outbox, self._wire
        free = self._resting and not outbox.held and not outbox
        if free and wire is not None and wire.write(frame.wire):
            outbox.count_sent(frame)
            return
        outbox.offer(frame)
        self._rouse()

    def acknowledge(self, seq: int) -> None:
        """Pass on a client's acknowledgement. Raises ValueError where it cannot be one."""
        self.outbox.acknowledge(seq)
        if self.outbox:
            self._rouse()

    async def run(self, take_snapshot: TakeSnapshot, take_market: TakeMarket) -> None:
        """Send until cancelled: a snapshot when one is due, then frames as they come."""
        try:
            await self._serve(take_snapshot, take_market)
        except Exception:
            log.exception("socket_failed", symbols=self.symbols[:5])
            await self._close(INTERNAL_ERROR)

    def _rouse(self) -> None:
        self._resting = False
        self._wake.set()

    async def _serve(self, take_snapshot: TakeSnapshot, take_market: TakeMarket) -> None:
        while True:
            self._wake.clear()
            await self._room()
            if self._stale:
                await self._send_snapshot(take_snapshot)
            elif self._market_stale and self.watching is not None:
                await self._send_market(self.watching, take_market)
            elif frame := self.outbox.next():
                await self._put(frame)
            else:
                # From here on the hub itself writes, until something is in the way again.
                self._resting = not self._wake.is_set()
                await self._wake.wait()

    async def _room(self) -> None:
        if self._wire is not None:
            await self._wire.room()

    async def _put(self, frame: Frame) -> None:
        if self._wire is None:
            await self._send(frame.text)
            return
        while not self._wire.write(frame.wire):
            await self._wire.room()

    async def _send_snapshot(self, take: TakeSnapshot) -> None:
        await asyncio.sleep(self._snapshot_due - time.monotonic())
        self._snapshot_due = time.monotonic() + SNAPSHOT_EVERY_SECONDS
        self._stale = False
        snapshot = await take(self.symbols)
        if not self._stale:  # no other was asked for meanwhile
            await self._put(snapshot.frame)
            self._release(snapshot)

    async def _send_market(self, symbol: str, take: TakeMarket) -> None:
        await asyncio.sleep(self._market_due - time.monotonic())
        self._market_due = time.monotonic() + MARKET_EVERY_SECONDS
        text = await take(symbol)
        if self.watching == symbol and not self._stale:
            self._market_stale = False
            await self._put(Frame("market", text))

    def _release(self, snapshot: Snapshot) -> None:
        early, self._early = self._early or (), None
        self._snapshot = snapshot
        for tick, frame in early:
            if not self._has(tick):
                self.offer(frame)

    def _has(self, tick: Tick) -> bool:
        # A message may reach us after the snapshot that was read from what it announced.
        snapshot = self._snapshot
        if snapshot is None or tick.tick_ms > snapshot.newest_ms:
            return False
        return all(snapshot.holds(s, tick) for s in tick.frames if self.watches(s))
