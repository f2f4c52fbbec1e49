"""Coinbase, Kraken, OKX and Bybit through ccxt's unified methods.

ccxt speaks their protocols and keeps their books; trades, tops and books are tapped from it as
they change (`taps`), and each exchange's peculiarities are in `dialects`.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ccxt.pro

from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe
from market.events import DepthSnapshot
from market.exchanges import Exchange
from market.feeds.live.klines import candle_page, fetch_candles
from market.feeds.live.link import LinkError, Sink, Subscription
from market.feeds.live.links import aimed
from market.feeds.live.markets import listings_of
from market.feeds.live.refusals import asking
from market.feeds.live.taps import near_levels
from market.feeds.live.telling import Numbers
from market.feeds.live.unified_connection import UnifiedConnection
from market.listings import Listing

REQUEST_MS = 10_000
PING_MS = 2_000
CLOSING_MS = 10
"""ccxt waits so long after its sessions have closed."""
REST_LEVELS = 100


class UnifiedLink:
    """One exchange, or another server that speaks its protocol."""

    whole_books = True
    lifetime_seconds: float | None = None

    def __init__(
        self, exchange: Exchange, url: str, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        """Make it on the loop that it shall live on. url: EXCHANGE_URL, "" for the exchange."""
        self.name = exchange.venue
        self.candle_streams = exchange.candle_streams
        self.clock_step_ms = exchange.clock_step_ms
        self.told = exchange
        self.now_ns = now_ns
        self.numbers = Numbers()
        self._url = url
        self._rest = self._ccxt(getattr(ccxt.pro, exchange.ccxt_id))
        self._symbols: dict[str, str] = {}
        self._loading = asyncio.Lock()

    async def listings(self, symbols: Sequence[str] = ()) -> Mapping[str, Listing]:
        with asking(self._rest):
            markets = await self._rest.load_markets(True)
        found = listings_of(markets, self.now_ns() / 1e6)
        if not found:
            raise LinkError(f"{self.name} answers with an empty list of markets")
        self._symbols = {
            f"{market['base']}{market['quote']}".upper(): symbol
            for symbol, market in markets.items()
            if market["spot"]
        }
        return found

    async def market_of(self, symbol: str) -> str:
        """Return ccxt's symbol (`BTC/USD`) of ours. Raises LinkError where it is not listed."""
        async with self._loading:
            if not self._symbols:
                await self.listings()
        try:
            return self._symbols[symbol]
        except KeyError:
            raise LinkError(f"{self.name} does not list {symbol}") from None

    def connection(self, subscriptions: Sequence[Subscription], sink: Sink) -> UnifiedConnection:
        return UnifiedConnection(self, subscriptions, sink)

    def tapping(self, tapped: type) -> Any:
        """Return a ccxt exchange of a subclass `tapped` makes, which knows this one's markets."""
        exchange = self._ccxt(tapped)
        exchange.set_markets_from_exchange(self._rest)
        return exchange

    @property
    def ccxt_class(self) -> type:
        made: type = type(self._rest)
        return made

    async def best(self, market: str) -> tuple[float, float]:
        """Ask for the best bid and ask of a market (ccxt's name of it). Raises LinkError."""
        book = await self._book(market)
        return book["bids"][0][0], book["asks"][0][0]

    async def snapshot(self, symbol: str) -> DepthSnapshot:
        book = await self._book(await self.market_of(symbol))
        bids, asks = book["bids"], book["asks"]
        mid = (bids[0][0] + asks[0][0]) / 2
        return DepthSnapshot(
            symbol,
            self.now_ns(),
            book.get("timestamp"),
            self.numbers.next_book(symbol),
            near_levels(bids, mid),
            near_levels(asks, mid),
        )

    async def candles(
        self, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> CandleSeries:
        market = await self.market_of(symbol)
        with asking(self._rest):
            return await fetch_candles(
                self._rest, market, timeframe, since_ms, limit, self.now_ns() / 1e6
            )

    def candle_page(self, timeframe: Timeframe) -> int:
        return candle_page(self._rest, timeframe)

    async def server_time_ms(self) -> float:
        with asking(self._rest):
            if self.told.ccxt_id == "coinbase":
                # ccxt takes its seconds.
                told = await self._rest.v3_public_get_brokerage_time()
                return float(told["epochMillis"])
            return float(await self._rest.fetch_time())

    async def close(self) -> None:
        await self._rest.close()

    async def _book(self, market: str) -> Any:
        with asking(self._rest):
            book = await self._rest.fetch_order_book(market, REST_LEVELS)
        if not book["bids"] or not book["asks"]:
            raise LinkError(f"{self.name} tells an empty book of {market}")
        return book

    def _ccxt(self, made_of: Any) -> Any:
        exchange = made_of(
            {
                "timeout": REQUEST_MS,
                "timeout_on_exit": CLOSING_MS,
                "enableLastJsonResponse": False,
                "enableLastHttpResponse": False,
                # Whether a connection lives is judged by the supervisor alone.
                "streaming": {"keepAlive": PING_MS, "maxPingPongMisses": 1e9},
                "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}},
                # Markets are all that is wanted; currencies are more questions, some not public.
                "has": {"fetchCurrencies": False},
            }
        )
        exchange.options["ws"] = {"cost": self.told.subscribe_ms / exchange.rateLimit}
        if self.told.ccxt_id == "coinbase":
            exchange.options["fetchMarkets"] = "fetchMarketsV3"
        exchange.urls["api"] = aimed(exchange.urls["api"], self.told, self._url)
        return exchange
