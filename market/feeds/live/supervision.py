"""Keeps one connection of a live feed alive: makes it anew, in time, and watches whether it lives.

A carrier carries some symbols' streams, one connection at a time; two while the next takes over
before the exchange cuts the first.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from market.feed_state import ConnectionState
from market.feeds.live.hearing import HeardOver, Hearing
from market.feeds.live.knocking import Knocking
from market.feeds.live.link import Connection, ConnectionLost, Link, LinkError, Subscription

WATCH_SECONDS = 0.1
SILENT_NS = 5_000_000_000
"""Without a frame or a pong for so long a connection is dead, whatever the socket says."""

OPENING_NS = 20_000_000_000
"""The longest that connecting and subscribing may take."""

LATE_NS = 1_000_000_000
"""A watch that comes later than this was held up itself: what arrived meanwhile comes first."""

EARLY_SECONDS = (3_000.0, 4_200.0)
"""The next connection is made so long before the exchange cuts this one: about an hour."""

OVERLAP_NS = 5_000_000_000
_NS = 1_000_000_000

log = structlog.get_logger(__name__)


class _Line:
    """One connection, running. lifetime_ns: how long it may serve."""

    def __init__(self, connection: Connection, sink: HeardOver, now_ns: int, lifetime_ns: float):
        self.connection = connection
        self.sink = sink
        self.made_ns = now_ns
        self.retires_ns = now_ns + lifetime_ns
        self.subscribed_ns: int | None = None
        self.task = asyncio.get_running_loop().create_task(connection.run())

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait((self.task,))
        if not self.task.cancelled():
            self.task.exception()  # seen, or asyncio tells of it
        with suppress(LinkError):
            await self.connection.close()

    def reason(self) -> LinkError:
        error = self.task.exception() if not self.task.cancelled() else None
        if isinstance(error, LinkError):
            return error
        # A link's own fault must not end the market: it is told, and the connection made anew.
        return ConnectionLost(f"{type(error).__name__}: {error}")


class Carrier:
    """Some symbols' streams. speaks: whether symbols fall silent with it (candles do not)."""

    def __init__(
        self,
        name: str,
        link: Link,
        subscriptions: Sequence[Subscription],
        hearing: Hearing,
        knocking: Knocking,
        now_ns: Callable[[], int],
        *,
        speaks: bool,
    ) -> None:
        self.name = name
        self.symbols = tuple(dict.fromkeys(each.symbol for each in subscriptions))
        self.subscriptions = tuple(subscriptions)
        self._link = link
        self._hearing = hearing
        self._knocking = knocking
        self._now_ns = now_ns
        self.speaks = speaks
        self.muted: frozenset[str] = frozenset()
        """Symbols that the exchange halted: silent, though their connection lives."""
        self._line: _Line | None = None
        self._next: _Line | None = None
        self._next_after_ns = 0
        self._watched_ns = 0
        self._doubt = ""
        self._proved_ns: int | None = None
        self.up = False
        self.attempts = 0
        self.error = ""

    @property
    def proof_ns(self) -> int | None:
        """When the connection was last proved alive; None while it does not carry."""
        return self._line.connection.proof_ns if self.up and self._line is not None else None

    @property
    def last_event_ns(self) -> int | None:
        """When an event last came over it; None while it does not carry."""
        return self._line.sink.last_ns if self.up and self._line is not None else None

    async def run(self) -> None:
        """Carry until cancelled."""
        try:
            while True:
                await self._knocking.turn()
                await self._carry()
        finally:
            await self._end_lines()

    def give_up(self, reason: str) -> None:
        """Break the connection at the next look: it lives, and tells nothing."""
        self._doubt = reason

    async def renew(self, subscriptions: Sequence[Subscription]) -> None:
        """Subscribe again to streams that went silent. Raises LinkError."""
        if self._line is None or not self.up:
            raise ConnectionLost("the connection is gone")
        await self._line.connection.renew(subscriptions)

    def state(self) -> ConnectionState:
        now_ns, line = self._now_ns(), self._line
        proof_ns = self._proved_ns = self.proof_ns or self._proved_ns
        age_ns = now_ns - line.made_ns if line is not None and self.up else None
        trip_ns = line.connection.round_trip_ns if line is not None and self.up else None
        return ConnectionState(
            self.name,
            self.up,
            None if age_ns is None else round(age_ns / 1e6, 1),
            None if proof_ns is None else round((now_ns - proof_ns) / 1e6, 1),
            None if trip_ns is None else round(trip_ns / 1e6, 1),
            self.attempts,
            self.error,
            self.symbols,
        )

    async def _carry(self) -> None:
        self._line = self._begin()
        self._doubt = ""
        self._watched_ns = self._now_ns()
        try:
            while True:
                await asyncio.wait((self._line.task,), timeout=WATCH_SECONDS)
                await self._look(self._line)
        except LinkError as error:
            self._lost(error)
        finally:
            await self._end_lines()

    async def _look(self, line: _Line) -> None:
        now_ns = self._now_ns()
        held_up = now_ns - self._watched_ns > LATE_NS
        self._watched_ns = now_ns
        if line.task.done():
            if not self._take_over(now_ns):
                raise line.reason()
            await line.end()
            return
        proof_ns = line.connection.proof_ns
        if proof_ns is None:
            if now_ns - line.made_ns > OPENING_NS:
                raise ConnectionLost("not connected and subscribed within 20 s")
            return
        if not self.up:
            self._risen(line, now_ns)
        if self._doubt:
            raise ConnectionLost(self._doubt)
        if now_ns - proof_ns > SILENT_NS and not held_up:
            raise ConnectionLost("neither a frame nor a pong for 5 s")
        pinged_ns = line.connection.pinged_ns
        if pinged_ns is not None and now_ns - pinged_ns > SILENT_NS and not held_up:
            # More comes than is read: a new connection begins with what is true now.
            raise ConnectionLost("a ping is not answered for 5 s: what it tells is old")
        await self._look_ahead(line, now_ns)

    async def _look_ahead(self, line: _Line, now_ns: int) -> None:
        following = self._next
        if following is None:
            if now_ns > max(line.retires_ns, self._next_after_ns):
                self._next = self._begin()
        elif following.task.done():
            log.warning("next_connection_failed", name=self.name, error=str(following.reason()))
            self._next = None
            self._next_after_ns = now_ns + 60 * _NS
            await following.end()
        elif following.connection.proof_ns is not None:
            following.subscribed_ns = following.subscribed_ns or now_ns
            if now_ns - following.subscribed_ns > OVERLAP_NS and self._take_over(now_ns):
                await line.end()

    def _take_over(self, now_ns: int) -> bool:
        following = self._next
        if following is None or following.connection.proof_ns is None:
            return False
        self._line, self._next = following, None
        self._hearing.counters["taken_over"] += 1
        log.info("connection_taken_over", name=self.name)
        return True

    def _begin(self) -> _Line:
        now_ns = self._now_ns()
        sink = HeardOver(self._hearing, now_ns)
        lifetime = self._link.lifetime_seconds
        serves = float("inf") if lifetime is None else lifetime - random.uniform(*EARLY_SECONDS)
        connection = self._link.connection(self.subscriptions, sink)
        return _Line(connection, sink, now_ns, max(serves, 1.0) * _NS)

    def _risen(self, line: _Line, now_ns: int) -> None:
        self.up = True
        self.attempts = 0
        self.error = ""
        line.sink.last_ns = now_ns
        self._knocking.let_in()
        self._hearing.counters["connects"] += 1
        if self.speaks:
            self._hearing.speak([each for each in self.symbols if each not in self.muted], now_ns)
        log.info("connection_up", name=self.name, streams=len(self.subscriptions))

    def _lost(self, error: LinkError) -> None:
        if self.up:
            self._hearing.counters["reconnects"] += 1
        else:
            self._knocking.failed(error.wait_seconds)
        self.up = False
        self.attempts += 1
        self.error = str(error)
        if self.speaks:
            self._hearing.silence(self.symbols, self._now_ns())
        log.warning("connection_lost", name=self.name, error=self.error, attempts=self.attempts)

    async def _end_lines(self) -> None:
        lines = [each for each in (self._line, self._next) if each is not None]
        self._line = self._next = None
        for each in lines:
            await each.end()
