"""Binance's spot market: its frames straight into events, everything else by ccxt.

ccxt connects, subscribes, pings and asks by REST. Frames of depth, top, trades and candles never
reach its book-keeping; the book is kept by the house, from diffs and one REST snapshot.
"""

import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ccxt
import ccxt.pro

from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe
from market.events import DepthSnapshot
from market.exchanges import Exchange
from market.feeds.live.binance_connection import BinanceConnection
from market.feeds.live.klines import candle_page, fetch_candles
from market.feeds.live.link import LinkError, Sink, Subscription
from market.feeds.live.links import aimed
from market.feeds.live.markets import listings_of
from market.feeds.live.refusals import asking
from market.feeds.wire import FrameError, snapshot_of
from market.listings import Listing

LIFETIME_SECONDS = 24 * 3_600.0
PING_MS = 2_000
SNAPSHOT_LEVELS = 1_000
REQUEST_MS = 10_000
CLOSING_MS = 10
"""ccxt waits so long after its sessions have closed."""

WEIGHT_WINDOW_MS = 60_000
MS_A_WEIGHT = 50
"""As ccxt counts weights: 1,200 in any minute. They may be spent at once, so that the books of a
whole market are there in a second."""


class _Klines:
    """Candles as ccxt asks for them, but without its list of all markets, which takes a second."""

    def __init__(self, exchange: Any) -> None:
        self.id: str = exchange.id
        self.timeframes: Mapping[str, Any] = exchange.timeframes
        self.features: Mapping[str, Any] | None = exchange.features
        self._exchange = exchange

    async def fetch_ohlcv(
        self,
        symbol: str,
        timeframe: str,
        since: int | None,
        limit: int | None,
        params: dict[str, Any],
    ) -> list[list[float]]:
        asked = {"symbol": symbol, "interval": timeframe, "startTime": since, "limit": limit}
        if "until" in params:
            asked["endTime"] = params["until"]
        rows = await self._exchange.public_get_klines(asked)
        return [[int(row[0]), *map(float, row[1:6])] for row in rows]


class BinanceLink:
    """Binance, or another server that speaks its protocol."""

    whole_books = False
    candle_streams = True
    lifetime_seconds: float | None = LIFETIME_SECONDS
    clock_step_ms = 1.0

    def __init__(
        self, exchange: Exchange, url: str, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        """Make it on the loop that it shall live on. url: EXCHANGE_URL, "" for Binance itself."""
        self.name = exchange.venue
        self._now_ns = now_ns
        self._exchange = ccxt.pro.binance(
            {
                "timeout": REQUEST_MS,
                "timeout_on_exit": CLOSING_MS,
                "rateLimit": MS_A_WEIGHT,
                "rateLimiterAlgorithm": "rollingWindow",
                "rollingWindowSize": WEIGHT_WINDOW_MS,
                "enableLastHttpResponse": False,
                "enableLastJsonResponse": False,
                # Whether a connection lives is judged by the supervisor alone.
                "streaming": {"keepAlive": PING_MS, "maxPingPongMisses": 1e9},
                "options": {
                    "defaultType": "spot",
                    "fetchMarkets": {"types": ["spot"]},
                    "warnOnFetchOpenOrdersWithoutSymbol": False,
                },
            }
        )
        self._exchange.urls["api"] = aimed(self._exchange.urls["api"], exchange, url)
        self._klines = _Klines(self._exchange)
        self._sockets = itertools.count()

    async def listings(self, symbols: Sequence[str] = ()) -> Mapping[str, Listing]:
        with asking(self._exchange):
            markets = await self._markets(symbols)
        return listings_of({each["id"]: each for each in markets}, self._now_ns() / 1e6)

    def connection(self, subscriptions: Sequence[Subscription], sink: Sink) -> BinanceConnection:
        # A path of its own: ccxt knows sockets by their address.
        url = f"{self._exchange.urls['api']['ws']['spot']}/{next(self._sockets)}"
        return BinanceConnection(self._exchange, url, subscriptions, sink, self._now_ns)

    async def snapshot(self, symbol: str) -> DepthSnapshot:
        with asking(self._exchange):
            answer = await self._exchange.public_get_depth(
                {"symbol": symbol, "limit": SNAPSHOT_LEVELS}
            )
        try:
            return snapshot_of(answer, symbol, self._now_ns())
        except FrameError as error:
            raise LinkError(f"the book of {symbol} is not to be understood: {error}") from error

    async def candles(
        self, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> CandleSeries:
        with asking(self._exchange):
            now_ms = self._now_ns() / 1e6
            return await fetch_candles(self._klines, symbol, timeframe, since_ms, limit, now_ms)

    def candle_page(self, timeframe: Timeframe) -> int:
        return candle_page(self._klines, timeframe)

    async def server_time_ms(self) -> float:
        with asking(self._exchange):
            return float(await self._exchange.fetch_time())

    async def close(self) -> None:
        await self._exchange.close()

    async def _markets(self, symbols: Sequence[str]) -> list[dict[str, Any]]:
        if not symbols:
            found: list[dict[str, Any]] = await self._exchange.fetch_markets()
            return found
        try:
            return list(await self._exchange.fetch_markets({"symbols": _listed(symbols)}))
        except ccxt.BadSymbol:
            # One that it does not know spoils the question, and it does not say which.
            half = len(symbols) // 2
            if not half:
                return []
            return await self._markets(symbols[:half]) + await self._markets(symbols[half:])


def _listed(symbols: Sequence[str]) -> str:
    return json.dumps(list(symbols), separators=(",", ":"))  # it takes no spaces
