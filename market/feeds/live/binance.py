"""Binance's spot market: its frames straight into events, everything else by ccxt.

ccxt connects, subscribes, pings and asks by REST. Frames of depth, top, trades and candles never
reach its book-keeping; the book is kept by the house, from diffs and one REST snapshot.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ccxt.pro
import msgspec
import structlog

from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe
from market.events import (
    AnyEvent,
    BookTicker,
    CandleClosed,
    DepthDiff,
    DepthSnapshot,
    Trade,
)
from market.exchanges import Exchange
from market.feeds.live.client import StampingClient, stamping
from market.feeds.live.klines import candle_page, fetch_candles
from market.feeds.live.link import (
    ConnectionLost,
    LinkError,
    Sink,
    Stream,
    Subscription,
)
from market.feeds.live.links import aimed
from market.feeds.live.markets import listings_of
from market.feeds.live.refusals import asking, refusals
from market.feeds.wire import FrameError, is_market_data, parse_message, snapshot_of
from market.listings import Listing

LIFETIME_SECONDS = 24 * 3_600.0
PING_MS = 2_000
SNAPSHOT_LEVELS = 1_000
STREAMS_A_QUESTION = 100
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 1.5
"""A server that has gone silent answers none; the next connection may be luckier."""

BETWEEN_SECONDS = 0.25
"""Between two messages: Binance cuts off who sends more than 5 in a second, pings among them."""

REQUEST_MS = 10_000
CLOSING_MS = 10
"""ccxt waits so long after its sessions have closed."""
WEIGHT_WINDOW_MS = 60_000
MS_A_WEIGHT = 50
"""As ccxt counts weights: 1,200 in any minute. They may be spent at once, so that the books of a
whole market are there in a second."""

_STREAMS = {Stream.DEPTH: "depth@100ms", Stream.TOP: "bookTicker", Stream.TRADES: "trade"}

_STREAM_OF: Mapping[type[AnyEvent], Stream] = {
    DepthDiff: Stream.DEPTH,
    BookTicker: Stream.TOP,
    Trade: Stream.TRADES,
}

log = structlog.get_logger(__name__)


class _Answer(msgspec.Struct):
    id: int
    result: object = None


_decode_answer = msgspec.json.Decoder(_Answer).decode


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
        self._sockets = itertools.count()

    async def listings(self) -> Mapping[str, Listing]:
        with asking(self._exchange):
            markets = await self._exchange.load_markets(True)
        return listings_of(markets, self._now_ns() / 1e6)

    def connection(self, subscriptions: Sequence[Subscription], sink: Sink) -> "BinanceConnection":
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
            await self._exchange.load_markets()
            market = self._exchange.safe_market(symbol)["symbol"]
            now_ms = self._now_ns() / 1e6
            return await fetch_candles(self._exchange, market, timeframe, since_ms, limit, now_ms)

    def candle_page(self, timeframe: Timeframe) -> int:
        return candle_page(self._exchange, timeframe)

    async def server_time_ms(self) -> float:
        with asking(self._exchange):
            return float(await self._exchange.fetch_time())

    async def close(self) -> None:
        await self._exchange.close()


class BinanceConnection:
    """One socket and its streams. frames: heard over it so far."""

    def __init__(
        self,
        exchange: Any,
        url: str,
        subscriptions: Sequence[Subscription],
        sink: Sink,
        now_ns: Callable[[], int],
    ) -> None:
        self.subscriptions = tuple(subscriptions)
        self._exchange = exchange
        self._url = url
        self._event, self._candle, self._fault = sink.event, sink.candle, sink.fault
        self._now_ns = now_ns
        self._client: StampingClient | None = None
        self._subscribed = self._closed = False
        self._asking = asyncio.Lock()
        self._asked_at = 0.0

    @property
    def proof_ns(self) -> int | None:
        client = self._client
        return client.proof_ns if client is not None and self._subscribed else None

    async def run(self) -> None:
        """Connect, subscribe and hear until it breaks. Raises LinkError."""
        if self._closed:
            raise ConnectionLost("closed")
        with refusals(self._exchange):
            self._client = stamping(
                self._exchange.client(self._url), self._now_ns, self.hear, self._malformed
            )
        await self._ask("SUBSCRIBE", self.subscriptions)
        self._subscribed = True
        raise ConnectionLost(await self._client.ended)

    async def renew(self, subscriptions: Sequence[Subscription]) -> None:
        """Unsubscribe and subscribe again, for streams that went silent. Raises LinkError."""
        await self._ask("UNSUBSCRIBE", subscriptions)
        await self._ask("SUBSCRIBE", subscriptions)

    async def close(self) -> None:
        self._closed = True
        if self._client is not None:
            await self._client.close()
            self._exchange.clients.pop(self._url, None)
            self._forget_failures()

    def hear(self, text: str, recv_ns: int) -> bool:
        """Take in one frame; False leaves it to ccxt. Raises nothing for bad ones."""
        if is_market_data(text):
            try:
                heard = parse_message(text, recv_ns)
            except FrameError:
                self._malformed()
                return True
            if heard is None:
                return True
            if isinstance(heard, CandleClosed):
                self._candle(heard)
            else:
                self._event(heard, _STREAM_OF[type(heard)])
            return True
        if text.startswith('{"result":'):
            return self._answered(text)
        return False

    def _answered(self, text: str) -> bool:
        client = self._client
        try:
            answer = _decode_answer(text)
        except ValueError:
            self._malformed()
            return True
        if client is not None:
            client.resolve(answer.result, _hash(answer.id))
        return True

    async def _ask(self, method: str, subscriptions: Sequence[Subscription]) -> None:
        streams = [_stream(each) for each in subscriptions]
        for start in range(0, len(streams), STREAMS_A_QUESTION):
            await self._ask_for(method, streams[start : start + STREAMS_A_QUESTION])

    async def _ask_for(self, method: str, streams: Sequence[str]) -> None:
        async with self._asking:
            await asyncio.sleep(self._asked_at + BETWEEN_SECONDS - time.monotonic())
            self._asked_at = time.monotonic()
            client = self._client
            if client is None or client.ended.done():
                raise ConnectionLost("the connection is gone")
            try:
                with refusals(self._exchange):
                    await self._answer(client, method, streams)
            finally:
                self._forget_failures()

    async def _answer(self, client: StampingClient, method: str, streams: Sequence[str]) -> None:
        number = self._exchange.request_id(self._url)
        message = {"method": method, "params": streams, "id": number}
        asked = self._exchange.watch_multiple(
            self._url, [_hash(number)], message, [_hash(number)], {"id": str(number)}
        )
        # ccxt cancels what waits on a socket that it closes; that must not cancel the caller.
        for first, seconds in ((client.connected, CONNECT_SECONDS), (asked, ANSWER_SECONDS)):
            await asyncio.wait(
                (first, client.ended), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        client.subscriptions.pop(_hash(number), None)
        answered = asked.done() and not asked.cancelled()
        error = asked.exception() if answered else None
        if client.last_retry_after is not None:
            raise ConnectionLost("refused for now", client.last_retry_after)
        if error is not None:
            raise error
        if not answered:
            gone = client.ended.done()
            raise ConnectionLost(client.ended.result() if gone else f"no answer to {method}")

    def _forget_failures(self) -> None:
        # ccxt spaces attempts an address; here each has its own, and the supervisor spaces all.
        (getattr(self._exchange, "ws_dial_backoff", None) or {}).pop(self._url, None)

    def _malformed(self) -> None:
        self._fault("malformed")


def _hash(number: object) -> str:
    return f"answer:{number}"


def _stream(subscription: Subscription) -> str:
    symbol = subscription.symbol.lower()
    if subscription.stream is Stream.CANDLES:
        return f"{symbol}@kline_{subscription.timeframe}"
    return f"{symbol}@{_STREAMS[subscription.stream]}"
