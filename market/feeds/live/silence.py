"""Streams that say nothing while their connection lives: quiet markets, or dead streams?

The exchange is asked by REST. Where its market moved on, the stream is subscribed to again and the
book anchored anew; where a whole connection tells nothing, it is made anew.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from market.events import BookTicker, DepthSnapshot
from market.feeds.live.anchoring import Anchoring
from market.feeds.live.hearing import NONE_YET, Heard, Hearing
from market.feeds.live.link import Link, LinkError, Stream, Subscription
from market.feeds.live.supervision import Carrier

LOOK_SECONDS = 1.0
QUIET_NS = 30_000_000_000
"""A stream is checked after so long a silence, and as often while it lasts."""

TOP_QUIET_NS = 120_000_000_000
"""A top of a book that changes: in a quiet market nothing unusual, and the book tells it, too."""

BEHIND_NS = 3_000_000_000
"""A trade of which a candle tells comes within this, or its stream is dead."""

DEAD_NS = 90_000_000_000
"""A stream that has to be subscribed to again within this is dead: its symbol waits for it."""

CONNECTION_QUIET_NS = 5_000_000_000
"""A connection of several streams that tells of none of them is checked sooner."""

ON_THE_WIRE_SECONDS = 1.0
"""What the exchange said before it answered arrives within this."""

log = structlog.get_logger(__name__)


class Silence:
    """Looks at each symbol's streams once a second. Belongs to the loop's thread."""

    def __init__(
        self,
        link: Link,
        hearing: Hearing,
        anchoring: Anchoring,
        carriers: Sequence[Carrier],
        suspect: Callable[[], None],
    ) -> None:
        """suspect: called where a book does not change: trading in it may have been halted."""
        self._suspect = suspect
        self._link = link
        self._hearing = hearing
        self._anchoring = anchoring
        self._carriers = carriers
        self._checked_ns: dict[str, int] = {}
        self._renewed_ns: dict[str, int] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                self.look(self._hearing.cells.last_ns)
        finally:
            for task in self._running.values():
                task.cancel()

    def look(self, now_ns: int) -> None:
        """Begin to check what has been silent for too long."""
        if self._link.whole_books or self._anchoring.left_alone:
            return
        for carrier in self._carriers:
            if not carrier.speaks or not carrier.up:
                continue
            last_ns = carrier.last_event_ns
            if last_ns is not None and now_ns - last_ns > CONNECTION_QUIET_NS:
                self._check_connection(carrier, now_ns)
                continue
            for symbol in carrier.symbols:
                heard = self._hearing.symbols.get(symbol)
                if heard is None or not heard.speaks:
                    continue
                if heard.behind_ns and now_ns - heard.behind_ns > BEHIND_NS:
                    self._start(symbol, now_ns, self._renew(carrier, heard, [Stream.TRADES]))
                elif self._is_due(heard, now_ns):
                    self._start(symbol, now_ns, self._check(carrier, heard))

    def _is_due(self, heard: Heard, now_ns: int) -> bool:
        if now_ns - self._checked_ns.get(heard.symbol, heard.since_ns) < QUIET_NS:
            return False
        return now_ns - heard.depth_ns > QUIET_NS or now_ns - heard.top_ns > TOP_QUIET_NS

    def _check_connection(self, carrier: Carrier, now_ns: int) -> None:
        name = carrier.name
        if now_ns - self._checked_ns.get(name, 0) < CONNECTION_QUIET_NS:
            return
        speaking = [self._hearing.symbols[each] for each in carrier.symbols]
        speaking = [heard for heard in speaking if heard.speaks]
        if speaking:
            liveliest = max(speaking, key=lambda heard: heard.depth_ns)
            self._start(name, now_ns, self._check_whole(carrier, liveliest))

    def _start(self, name: str, now_ns: int, work: Coroutine[Any, Any, None]) -> None:
        if name in self._running:
            work.close()
            return
        self._checked_ns[name] = now_ns
        task = asyncio.get_running_loop().create_task(work)
        self._running[name] = task
        task.add_done_callback(lambda _: self._running.pop(name, None))

    async def _check_whole(self, carrier: Carrier, heard: Heard) -> None:
        before, era = carrier.last_event_ns, heard.era
        snapshot = await self._ask(heard)
        if snapshot is None or heard.era != era or carrier.last_event_ns != before:
            return
        if _known(heard) not in (NONE_YET, snapshot.last_id):
            self._hearing.counters["silent_connections"] += 1
            carrier.give_up("it lives, but tells nothing of a market that moves")

    async def _check(self, carrier: Carrier, heard: Heard) -> None:
        era, known, ticker = heard.era, heard.depth_id, heard.ticker
        snapshot = await self._ask(heard)
        if heard.era != era or not heard.speaks:
            return
        if snapshot is None:  # so answers one that has dropped it
            self._suspect()
            return
        silent: list[Stream] = []
        if heard.depth_id == known and _known(heard) not in (NONE_YET, snapshot.last_id):
            silent.append(Stream.DEPTH)
        if heard.ticker is ticker and ticker is not None and not _tells(ticker, snapshot):
            silent.append(Stream.TOP)
        if silent:
            await self._renew(carrier, heard, silent, snapshot)
        elif heard.depth_id == known:
            self._suspect()

    async def _renew(
        self,
        carrier: Carrier,
        heard: Heard,
        silent: Sequence[Stream],
        snapshot: DepthSnapshot | None = None,
    ) -> None:
        self._hearing.counters["resubscribed"] += len(silent)
        log.warning("stream_silent", symbol=heard.symbol, streams=[each.value for each in silent])
        try:
            await carrier.renew([Subscription(heard.symbol, stream) for stream in silent])
        except LinkError as error:
            carrier.give_up(f"a silent stream could not be subscribed to again: {error}")
            return
        now_ns = self._hearing.cells.last_ns
        last_ns, self._renewed_ns[heard.symbol] = self._renewed_ns.get(heard.symbol, 0), now_ns
        if now_ns - last_ns < DEAD_NS:
            # Subscribing again was in vain: half of a market is none.
            self._hearing.wait_for(heard.symbol, silent[0], now_ns)
            return
        if Stream.TOP in silent and len(silent) == 1:
            return  # the book tells the top, too, and is newer
        if snapshot is not None and snapshot.last_id > _known(heard):
            snapshot.recv_ns = now_ns
            self._hearing.anchor(snapshot)
        else:
            self._hearing.mistrust(heard.symbol, now_ns)

    async def _ask(self, heard: Heard) -> DepthSnapshot | None:
        try:
            snapshot = await self._link.snapshot(heard.symbol)
        except LinkError as error:
            if error.wait_seconds:
                self._anchoring.leave_alone(error.wait_seconds)
            return None
        await asyncio.sleep(ON_THE_WIRE_SECONDS)
        return snapshot


def _known(heard: Heard) -> int:
    return max(heard.depth_id, heard.anchor_id)


def _tells(ticker: BookTicker, snapshot: DepthSnapshot) -> bool:
    if ticker.update_id == NONE_YET or not snapshot.bids or not snapshot.asks:
        return True
    top = (ticker.bid, ticker.bid_size), (ticker.ask, ticker.ask_size)
    return ticker.update_id > snapshot.last_id or top == (
        tuple(max(snapshot.bids)),
        tuple(min(snapshot.asks)),
    )
