"""One socket to Binance and its streams: subscribed through ccxt, heard past it."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from market.events import BookTicker, CandleClosed, DepthDiff, Trade
from market.feeds.live.client import StampingClient, stamping
from market.feeds.live.link import ConnectionLost, Sink, Stream, Subscription
from market.feeds.live.refusals import refusals
from market.feeds.wire import FrameError, NewestTrade, is_market_data, parse_message

STREAMS_A_QUESTION = 100
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 1.5
"""A server that has gone silent answers none; the next connection may be luckier."""

BETWEEN_SECONDS = 0.25
"""Between two messages: Binance cuts off who sends more than 5 in a second, pings among them."""

_STREAMS = {Stream.DEPTH: "depth@100ms", Stream.TOP: "bookTicker", Stream.TRADES: "trade"}
_STREAM_OF: Mapping[type, Stream] = {
    DepthDiff: Stream.DEPTH,
    BookTicker: Stream.TOP,
    Trade: Stream.TRADES,
}


class _Answer(msgspec.Struct):
    id: int
    result: object = None


_decode_answer = msgspec.json.Decoder(_Answer).decode


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
        self._newest_trade = sink.newest_trade
        self._now_ns = now_ns
        self._client: StampingClient | None = None
        self._subscribed = self._closed = False
        self._asking = asyncio.Lock()
        self._asked_at = 0.0

    @property
    def proof_ns(self) -> int | None:
        client = self._client
        return client.proof_ns if client is not None and self._subscribed else None

    @property
    def pinged_ns(self) -> int | None:
        return None if self._client is None else self._client.pinged_ns

    @property
    def round_trip_ns(self) -> int | None:
        return None if self._client is None else self._client.round_trip_ns

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
            # ccxt remembers every address that it ever spoke to.
            self._exchange.clients.pop(self._url, None)
            self._exchange.options["requestId"].pop(self._url, None)
            self._forget_failures()

    def hear(self, text: str, recv_ns: int) -> bool:
        """Take in one frame; False leaves it to ccxt. Raises nothing for bad ones."""
        if is_market_data(text):
            try:
                heard = parse_message(text, recv_ns)
            except FrameError:
                self._malformed()
                return True
            stream = _STREAM_OF.get(type(heard))
            if stream is not None:
                self._event(heard, stream)  # type: ignore[arg-type]  # by its type, faster
            elif isinstance(heard, CandleClosed):
                self._candle(heard)
            elif isinstance(heard, NewestTrade):
                self._newest_trade(*heard, recv_ns)
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
