"""One run of the backfill, from the exchange's name to its report. Read by the command."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from market.candles.asking import history_of
from market.candles.backfilling.absent import AbsentCandles
from market.candles.backfilling.backfill import Backfill, BackfilledDataset
from market.candles.backfilling.patience import ExchangeAwayError, Patience
from market.candles.backfilling.progress import Progress
from market.candles.store import CandleStore
from market.candles.timeframes import Timeframe
from market.exchanges import Exchange, venue_of
from market.feeds.live.klines import CandleSource
from market.feeds.live.link import LinkError
from market.feeds.live.renames import renamed
from market.listings import Listing

SETTLED_MS = 2_000
"""After its close, by the exchange's clock, a candle changes no more."""


class HistoryLink(CandleSource, Protocol):
    """What is used of a link."""

    async def server_time_ms(self) -> float: ...

    async def listings(self) -> Mapping[str, Listing]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class BackfillOrder:
    """What is to be fetched. url: of another server (EXCHANGE_URL), "" for the exchange.

    named: the symbols were asked for by name: one that is not listed is an error. since_ms: None
    for as many candles as signals need. until_ms: None for now.
    """

    exchange: Exchange
    url: str
    root: Path
    symbols: tuple[str, ...]
    timeframes: tuple[Timeframe, ...]
    named: bool = True
    since_ms: int | None = None
    until_ms: int | None = None
    again: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for a span that ends before it begins."""
        if self.since_ms is not None and self.since_ms >= (self.until_ms or math.inf):
            raise ValueError("--since must lie before --until")


@dataclass(slots=True)
class BackfillRun:
    """What has been done so far: it can be read at any time, after an interruption, too."""

    order: BackfillOrder
    progress: Progress
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    datasets: list[BackfilledDataset] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        """All that failed, each in a sentence of its own."""
        failed = (
            f"{each.symbol} {each.timeframe}: {each.error}" for each in self.datasets if each.error
        )
        return [*self.problems, *failed]

    async def fetch(self, make_link: Callable[[Exchange, str], HistoryLink]) -> None:
        """Fetch everything; what failed is in `errors`."""
        order = self.order
        link = make_link(order.exchange, order.url)
        patience = Patience(link.name, self.progress.say, self.sleep)
        try:
            await self._fetch(link, patience)
        except (LinkError, ExchangeAwayError) as error:
            self.problems.append(str(error))
        finally:
            await link.close()

    async def _fetch(self, link: HistoryLink, patience: Patience) -> None:
        order = self.order
        now_ms = await patience.ask(link.server_time_ms) - SETTLED_MS
        symbols = self._listed(link.name, await patience.ask(link.listings))
        venue, _ = venue_of(order.exchange, order.url)
        backfill = Backfill(
            link,
            CandleStore(order.root),
            venue,
            AbsentCandles(order.root, venue),
            now_ms,
            self.progress,
            patience,
            order.again,
            self.datasets,
        )
        until_ms = now_ms if order.until_ms is None else order.until_ms
        await backfill.run(symbols, order.timeframes, self._since(until_ms), until_ms)

    def _since(self, until_ms: float) -> Callable[[Timeframe], int]:
        since_ms = self.order.since_ms
        if since_ms is not None:
            return lambda _: since_ms
        return lambda timeframe: (
            timeframe.last_closed(until_ms) - (history_of(timeframe) - 1) * timeframe.ms
        )

    def _listed(self, exchange: str, listings: Mapping[str, Listing]) -> Sequence[str]:
        found = []
        for symbol in self.order.symbols:
            heir = renamed(symbol)
            if heir in listings:
                self.progress.say(
                    f"{symbol} is {heir} at {exchange} now: another market, whose history begins "
                    "where the exchange's begins; nothing joins the two"
                )
            if symbol in listings:
                found.append(symbol)
            elif self.order.named:
                self.problems.append(f"{exchange} does not list {symbol}")
            else:
                self.progress.say(f"{exchange} does not list {symbol}; left out")
        return found
