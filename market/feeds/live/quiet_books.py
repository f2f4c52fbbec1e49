"""Books that are told nothing of while their connection lives: quiet markets, or dead streams?

The exchange is asked by REST; where its market is elsewhere, that symbol's streams are subscribed
to again. Likewise where a whole book does not come. For exchanges that ccxt keeps the books of.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from market.feeds.live.link import ConnectionLost, LinkError
from market.feeds.live.taps import BookTap

LOOK_SECONDS = 1.0
QUIET_NS = 30_000_000_000
"""A book is checked after so long a silence, and as often while it lasts."""

COMING_NS = 15_000_000_000
"""The longest that a whole book may take to come; twice as long at each next time in vain."""

LONGEST_NS = 600_000_000_000

ON_THE_WIRE_SECONDS = 1.0
"""What the exchange said before it answered arrives within this."""

Best = tuple[float, float]

log = structlog.get_logger(__name__)


class QuietBooks:
    """Looks at the books of one connection once a second, and checks one at a time."""

    def __init__(
        self,
        books: Mapping[str, BookTap],
        ask: Callable[[str], Awaitable[Best]],
        renew: Callable[[str], Awaitable[None]],
        now_ns: Callable[[], int],
    ) -> None:
        """books, by ccxt's name of the market. ask: for best bid and ask, by REST."""
        self._books = books
        self._ask = ask
        self._renew = renew
        self._now_ns = now_ns
        self._checked_ns: dict[str, int] = {}
        self._patience_ns: dict[str, int] = {}

    async def run(self) -> None:
        """Look until cancelled. Raises ConnectionLost where nothing can be subscribed to."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Check what has been silent for too long."""
        for market, tap in list(self._books.items()):
            now_ns = self._now_ns()
            if not tap.whole:
                patience_ns = self._patience_ns.setdefault(market, COMING_NS)
                if now_ns - tap.asked_ns > patience_ns:
                    self._patience_ns[market] = min(2 * patience_ns, LONGEST_NS)
                    await self._again(market, "its book does not come")
                continue
            self._patience_ns.pop(market, None)
            if now_ns - max(tap.heard_ns, self._checked_ns.get(market, 0)) > QUIET_NS:
                self._checked_ns[market] = now_ns
                await self._check(market, tap)

    async def _check(self, market: str, tap: BookTap) -> None:
        heard_ns = tap.heard_ns
        try:
            best = await self._ask(market)
        except LinkError as error:
            log.info("quiet_book_not_checked", market=market, error=str(error))
            return
        await asyncio.sleep(ON_THE_WIRE_SECONDS)
        if tap.whole and tap.heard_ns == heard_ns and tap.best() != best:
            await self._again(market, "it is silent, and its market moved")

    async def _again(self, market: str, reason: str) -> None:
        log.warning("stream_silent", market=market, reason=reason)
        try:
            await self._renew(market)
        except LinkError as error:
            raise ConnectionLost(f"{market} cannot be subscribed to again: {error}") from error
