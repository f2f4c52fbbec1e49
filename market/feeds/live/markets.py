"""The symbols that are wanted, held against the exchange's list of markets.

Checked when the market opens, hourly, and where a symbol falls silent: what the exchange has halted
or does not list is dropped from the streams, and comes back when it trades again. The pump's
heartbeat writes what is told here (`market.listings_writer`).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from market.feeds import FeedError
from market.feeds.live.link import Link, LinkError
from market.feeds.live.renames import renamed
from market.listings import Listing, SymbolStatus
from market.symbols import UnknownSymbolError, parse_symbol

REFRESH_SECONDS = 3_600.0
RETRY_SECONDS = 60.0
"""After a refresh in vain, while a symbol is halted, and where one is suspected to be."""

_SHOWN = 12
_GONE = {"delisted", "closed", "expired"}
"""What exchanges call a market that will not trade again."""

log = structlog.get_logger(__name__)


def listings_of(markets: Mapping[str, Mapping[str, Any]], now_ms: float) -> dict[str, Listing]:
    """Return ccxt's table of markets by our symbols; spot markets alone.

    An alias of another market (Coinbase's BTC-USDC is its BTC-USD) is left out: under its name
    the exchange tells nothing.
    """
    found: dict[str, Listing] = {}
    for market in markets.values():
        told = market.get("info") or {}
        if not market.get("spot") or told.get("alias"):
            continue
        try:
            symbol = parse_symbol(f"{market['base']}{market['quote']}")
        except UnknownSymbolError:
            continue
        listing = _listing(symbol, market, told, now_ms)
        if symbol not in found or listing.status is SymbolStatus.TRADING:
            found[symbol] = listing
    return found


def _listing(
    symbol: str, market: Mapping[str, Any], told: Mapping[str, Any], now_ms: float
) -> Listing:
    precision = market.get("precision") or {}
    status = SymbolStatus.TRADING
    if market.get("active") is False:
        gone = str(told.get("status") or told.get("state") or "").lower() in _GONE
        status = SymbolStatus.DELISTED if gone else SymbolStatus.HALTED
    return Listing(
        symbol,
        status,
        tick_size=precision.get("price"),
        lot_size=precision.get("amount"),
        since_ms=round(now_ms),
    )


class Markets:
    """What is told of the wanted symbols. Replaced whole on a refresh: any thread may read it."""

    def __init__(
        self, exchange: str, wanted: Sequence[str], found: Mapping[str, Listing], now_ms: float
    ) -> None:
        """found: every market of the exchange. Raises FeedError where none of `wanted` is there."""
        self.wanted = tuple(dict.fromkeys(wanted))
        self.listings: Mapping[str, Listing] = {}
        self._suspected = asyncio.Event()
        self.refresh(found, now_ms)
        if all(each.status is SymbolStatus.DELISTED for each in self.listings.values()):
            raise FeedError(_nothing_listed(exchange, self.wanted, found))

    @property
    def trading(self) -> tuple[str, ...]:
        """The wanted symbols that trade, in the order in which they were asked for."""
        return tuple(
            symbol
            for symbol, listing in self.listings.items()
            if listing.status is SymbolStatus.TRADING
        )

    @property
    def halted(self) -> bool:
        return any(each.status is SymbolStatus.HALTED for each in self.listings.values())

    def suspect(self) -> None:
        """Have the list asked for soon: a symbol is as silent as a halted one would be."""
        self._suspected.set()

    async def due(self, seconds: float) -> None:
        """Return when the list is to be asked for: after so long, or sooner where one suspects."""
        self._suspected.clear()
        await asyncio.sleep(min(seconds, RETRY_SECONDS))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._suspected.wait(), seconds - RETRY_SECONDS)

    def refresh(self, found: Mapping[str, Listing], now_ms: float) -> bool:
        """Take the exchange's list as it is now; return whether anything changed."""
        before = self.listings
        now = {
            symbol: self._told(symbol, found, now_ms, before.get(symbol)) for symbol in self.wanted
        }
        for symbol, listing in now.items():
            old = before.get(symbol)
            normal = old is None and listing.status is SymbolStatus.TRADING
            if not normal and (old is None or old.status is not listing.status):
                log.warning(
                    "symbol_status",
                    symbol=symbol,
                    status=listing.status.value,
                    renamed_to=listing.renamed_to,
                )
        self.listings = now
        return now != before

    def _told(
        self, symbol: str, found: Mapping[str, Listing], now_ms: float, before: Listing | None
    ) -> Listing:
        listing = found.get(symbol) or Listing(symbol, SymbolStatus.DELISTED)
        heir = found.get(renamed(symbol))
        heir_trades = heir is not None and heir.status is SymbolStatus.TRADING
        if listing.status is not SymbolStatus.TRADING and heir is not None and heir_trades:
            # Binance keeps calling the old market halted; its coin trades elsewhere for good.
            listing = msgspec.structs.replace(
                listing, status=SymbolStatus.DELISTED, renamed_to=heir.symbol
            )
        unchanged = before is not None and before.status is listing.status
        since_ms = before.since_ms if before is not None and unchanged else round(now_ms)
        return msgspec.structs.replace(listing, since_ms=since_ms)


async def keep_refreshing(
    link: Link, markets: Markets, now_ms: Callable[[], float], on_change: Callable[[], None]
) -> None:
    """Ask for the list hourly, and call `on_change` where a wanted symbol's listing changed.

    Every minute while a symbol is halted, so that it is back soon, and within one of a suspicion;
    ends when it is cancelled.
    """
    # The whole list is megabytes, which to read would hold up the streams for a second.
    asked = sorted({*markets.wanted, *map(renamed, markets.wanted)} - {""})
    wait_seconds = RETRY_SECONDS if markets.halted else REFRESH_SECONDS
    while True:
        await markets.due(wait_seconds)
        try:
            found = await link.listings(asked)
        except LinkError as error:
            log.warning("listings_not_refreshed", exchange=link.name, error=str(error))
            wait_seconds = max(RETRY_SECONDS, error.wait_seconds or 0.0)
            continue
        if markets.refresh(found, now_ms()):
            on_change()
        wait_seconds = RETRY_SECONDS if markets.halted else REFRESH_SECONDS


def _nothing_listed(exchange: str, wanted: Sequence[str], found: Mapping[str, Listing]) -> str:
    bases = {heir for symbol in wanted if (heir := renamed(symbol)) in found}
    bases |= {
        symbol
        for symbol in found
        for asked in wanted
        if symbol[:3] == asked[:3] and found[symbol].status is SymbolStatus.TRADING
    }
    near = ", ".join(sorted(bases)[:_SHOWN]) or ", ".join(sorted(found)[:_SHOWN])
    return (
        f"{exchange} lists none of {', '.join(wanted)}; of its {len(found)} markets there are "
        f"{near}: set FORECAST_SYMBOLS and SIGNAL_SYMBOLS to what it lists, or another EXCHANGE"
    )
