"""Fetches books by REST for the symbols that need one: at the start, after a gap, after a break.

The tracker says which; the answer goes to it as an event of the stream, so that whoever records
or replays the market sees it, too.
"""

import asyncio
import time
from collections import deque

import structlog

from market.backoff import Backoff
from market.feeds.live.hearing import Hearing
from market.feeds.live.link import Link, LinkError

COOL_DOWN_SECONDS = 0.5
BROKEN_AGAIN = 10
LONG_COOL_DOWN_SECONDS = 5.0
"""Between two questions about one symbol; the longer once it was asked for so often in a minute."""

MOST_A_MINUTE = 100
"""Questions in all that may be asked at once. Binance's limit is 120 books a minute, and candles
are to be asked for, too; beyond this they are spread."""

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 1.25
"""Between attempts while the exchange answers none: one symbol is asked for, for all."""

_MINUTE = 60.0

log = structlog.get_logger(__name__)


class _Asked:
    """What was asked of one symbol: when, within the last minute, and whether it still is."""

    __slots__ = ("again_at", "running", "times")

    def __init__(self) -> None:
        self.again_at = 0.0
        self.running = False
        self.times: deque[float] = deque(maxlen=BROKEN_AGAIN)

    def cool_down(self, now: float) -> float:
        often = len(self.times) == BROKEN_AGAIN and now - self.times[0] < _MINUTE
        return LONG_COOL_DOWN_SECONDS if often else COOL_DOWN_SECONDS


class Anchoring:
    """`want` is called by the pump's thread; the rest belongs to the loop's."""

    def __init__(self, link: Link, hearing: Hearing) -> None:
        self._link = link
        self._hearing = hearing
        self._wanted: set[str] = set()
        self._asked: dict[str, _Asked] = {}
        self._times: deque[float] = deque(maxlen=MOST_A_MINUTE)
        self._failing: Backoff | None = None
        self._quiet_until = 0.0
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
        for symbol in wanted:
            now = time.monotonic()
            if self._may_ask(now):
                self._ask(symbol, now)

    def leave_alone(self, seconds: float) -> None:
        """Ask nothing for a while: the exchange said so."""
        self._left_alone_until = max(self._left_alone_until, time.monotonic() + seconds)

    @property
    def left_alone(self) -> bool:
        """Whether the exchange asked for silence, and it is not over yet."""
        return time.monotonic() < self._left_alone_until

    def _may_ask(self, now: float) -> bool:
        if now < self._left_alone_until or now < self._quiet_until:
            return False
        if self._failing is not None and self._tasks:
            return False
        if len(self._times) == MOST_A_MINUTE and now - self._times[0] < _MINUTE:
            return now - self._times[-1] > _MINUTE / MOST_A_MINUTE
        return True

    def _ask(self, symbol: str, now: float) -> None:
        heard = self._hearing.symbols.get(symbol)
        asked = self._asked.setdefault(symbol, _Asked())
        if heard is None or not heard.speaks or asked.running or now < asked.again_at:
            return
        asked.running = True
        asked.times.append(now)
        self._times.append(now)
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
            self._failed(error)
        else:
            self._failing = None
            now = time.monotonic()
            asked.again_at = now + asked.cool_down(now)
            heard = self._hearing.symbols[symbol]
            # An answer to a question of before a break is of a book that nobody follows.
            if heard.speaks and heard.era == era:
                self._hearing.anchor(snapshot)
        finally:
            asked.running = False

    def _failed(self, error: LinkError) -> None:
        if error.wait_seconds is not None:
            self.leave_alone(error.wait_seconds)
        self._failing = self._failing or Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        self._quiet_until = time.monotonic() + self._failing.next_seconds()
