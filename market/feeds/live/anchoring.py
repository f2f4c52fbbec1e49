"""Fetches books by REST for the symbols that need one: at the start, after a gap, after a break.

The tracker says which; the answer goes to it as an event of the stream, so that whoever records
or replays the market sees it, too.
"""

import asyncio
import time
from collections.abc import Iterable

import structlog

from market.feeds.live.hearing import Hearing
from market.feeds.live.link import Link, LinkError

COOL_DOWN_SECONDS = (0.5, 1.0, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Between two questions about one symbol that come soon after each other."""

HEALTHY_SECONDS = 30.0
"""A book that held so long is asked for at once again."""

log = structlog.get_logger(__name__)


class _Asked:
    """What was asked of one symbol."""

    __slots__ = ("again_at", "at", "running", "times")

    def __init__(self) -> None:
        self.again_at = self.at = 0.0
        self.times = 0
        self.running = False


class Anchoring:
    """`want` is called by the pump's thread; the rest belongs to the loop's."""

    def __init__(self, link: Link, hearing: Hearing) -> None:
        self._link = link
        self._hearing = hearing
        self._wanted: set[str] = set()
        self._asked: dict[str, _Asked] = {}
        self._left_alone_until = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    def want(self, symbol: str) -> None:
        """Say that a symbol's book is not in sequence; said again each cell while that is so."""
        self._wanted.add(symbol)

    def look(self) -> None:
        """Ask for what is wanted, as far as it may be asked for now."""
        wanted, self._wanted = self._wanted, set()
        if self._link.whole_books:
            return  # the next one comes of itself
        now = time.monotonic()
        if wanted and now >= self._left_alone_until:
            self._ask(wanted, now)

    def leave_alone(self, seconds: float) -> None:
        """Ask nothing for a while: the exchange said so."""
        self._left_alone_until = max(self._left_alone_until, time.monotonic() + seconds)

    @property
    def left_alone(self) -> bool:
        """Whether the exchange asked for silence, and it is not over yet."""
        return time.monotonic() < self._left_alone_until

    def _ask(self, symbols: Iterable[str], now: float) -> None:
        for symbol in symbols:
            heard = self._hearing.symbols.get(symbol)
            asked = self._asked.setdefault(symbol, _Asked())
            if heard is None or not heard.speaks or asked.running or now < asked.again_at:
                continue
            if now - asked.at > HEALTHY_SECONDS:
                asked.times = 0
            asked.at, asked.running = now, True
            task = asyncio.get_running_loop().create_task(self._fetch(symbol, asked, heard.era))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _fetch(self, symbol: str, asked: _Asked, era: int) -> None:
        counters = self._hearing.counters
        counters["books_asked"] += 1
        try:
            snapshot = await self._link.snapshot(symbol)
        except LinkError as error:
            counters["books_refused"] += 1
            log.warning("book_not_told", symbol=symbol, error=str(error))
            if error.wait_seconds:
                self.leave_alone(error.wait_seconds)
        else:
            heard = self._hearing.symbols[symbol]
            # An answer to a question of before a break is of a book that nobody follows.
            if heard.speaks and heard.era == era:
                self._hearing.anchor(snapshot)
        finally:
            cool = COOL_DOWN_SECONDS[min(asked.times, len(COOL_DOWN_SECONDS) - 1)]
            asked.times += 1
            asked.again_at = time.monotonic() + cool
            asked.running = False
