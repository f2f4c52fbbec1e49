"""The WebSocket's door: which symbols, what a client may say, and the way to the hub.

Paths: `/ws/predictions/` (all symbols) and `/ws/predictions/<symbol>/`.
"""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import orjson
from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer

from dashboard import frames
from dashboard.hub import Hub, running_hub
from dashboard.subscriber import Subscriber
from dashboard.wire import wire_of
from market.symbols import UnknownSymbolError, parse_symbol

UNKNOWN_SYMBOL = 4404
TOO_MANY_ERRORS = 4400
"""Close codes of our own."""

MAX_MESSAGE_BYTES = 16_384
MAX_ERRORS = 20
"""A client that goes on sending what we cannot read is closed after so many messages."""


class BadMessageError(ValueError):
    """A client's message cannot be understood. It is told so; the socket stays open."""

    code = "bad_message"


class PredictionsConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels is untyped
    """One client. Frames come from the hub; this class only reads what the client says."""

    # The hub alone is a member of the group: a channel of each socket's own would cost Redis a
    # subscription each.
    channel_layer_alias = None

    def __init__(self) -> None:
        super().__init__()
        self._hub: Hub | None = None
        self._subscriber: Subscriber | None = None
        self._errors = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # However it ends: an answer to a client that has just gone ends it, too.
            if self._hub is not None and self._subscriber is not None:
                await self._hub.leave(self._subscriber)

    async def dispatch(self, message: Mapping[str, Any]) -> None:
        # Without the base class's closing of database connections, a thread's work a message:
        # a consumer uses none.
        handler = getattr(self, get_handler_name(message))
        await handler(message)

    async def connect(self) -> None:
        await self.accept()
        self._hub = running_hub()
        asked = self.scope["url_route"]["kwargs"].get("symbol")
        try:
            symbols = self._hub.symbols if asked is None else (self._known(asked),)
        except UnknownSymbolError as error:
            await self.send(text_data=frames.error("unknown_symbol", str(error)))
            await self.close(code=UNKNOWN_SYMBOL)
            return
        self._subscriber = Subscriber(
            self._send_text,
            self._close,
            symbols,
            single=asked is not None,
            wire=wire_of(self.scope),
        )
        wanted = parse_qs(self.scope["query_string"].decode(errors="replace")).get("watch", ())
        for symbol in wanted[-1:]:
            await self._heed({"type": "watch", "symbol": symbol}, self._subscriber)
        self._hub.join(self._subscriber)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._subscriber is None or self._errors >= MAX_ERRORS:
            return  # it is being closed
        try:
            message = _parsed(text_data)
        except BadMessageError as error:
            await self._refuse(error.code, str(error))
        else:
            await self._heed(message, self._subscriber)

    async def _heed(self, message: Mapping[str, Any], subscriber: Subscriber) -> None:
        try:
            if message.get("type") == "ping":
                await self.send(text_data=frames.pong(_sent(message.get("t")), _server_ms()))
            else:
                self._obey(message, subscriber)
        except UnknownSymbolError as error:
            await self._refuse("unknown_symbol", str(error))
        except BadMessageError as error:
            await self._refuse(error.code, str(error))

    def _obey(self, message: Mapping[str, Any], subscriber: Subscriber) -> None:
        kind = message.get("type")
        if kind == "ack":
            _acknowledge(subscriber, message.get("seq"))
        elif kind == "subscribe":
            symbols = self._chosen(subscriber, message.get("symbols"))
            if self._hub is not None:
                self._hub.narrow(subscriber, symbols)
        elif kind == "watch":
            self._watch(message, subscriber)
        else:
            raise BadMessageError('type must be "ack", "subscribe", "watch" or "ping"')

    def _watch(self, message: Mapping[str, Any], subscriber: Subscriber) -> None:
        if "symbol" not in message:
            raise BadMessageError("symbol must be a symbol, or null to watch none")
        asked = message["symbol"]
        symbol = None if asked is None else self._known(asked)
        if subscriber.single and symbol is not None and not subscriber.watches(symbol):
            raise BadMessageError(f"this socket has one symbol, {subscriber.symbols[0]}")
        if self._hub is not None:
            self._hub.watch(subscriber, symbol)

    def _chosen(self, subscriber: Subscriber, symbols: object) -> tuple[str, ...]:
        if subscriber.single:
            raise BadMessageError("subscribe is for /ws/predictions/; this socket has one symbol")
        if not isinstance(symbols, list) or not symbols:
            raise BadMessageError("symbols must be a list of at least one symbol")
        # Sorted, so that sockets with the same choice share their frames.
        return tuple(sorted({self._known(symbol) for symbol in symbols}))

    def _known(self, text: object) -> str:
        if not isinstance(text, str):
            raise BadMessageError("a symbol must be a string like BTCUSDT")
        symbol = parse_symbol(text)
        served = self._hub.symbols if self._hub else ()
        if symbol not in served:
            shown = ", ".join(served[:10]) + (", …" if len(served) > 10 else "")
            raise UnknownSymbolError(f"{symbol} is not served here; served: {shown}")
        return symbol

    async def _refuse(self, code: str, message: str) -> None:
        self._errors += 1
        await self.send(text_data=frames.error(code, message))
        if self._errors >= MAX_ERRORS:
            await self.close(code=TOO_MANY_ERRORS)

    async def _send_text(self, text: str) -> None:
        await self.send(text_data=text)

    async def _close(self, code: int) -> None:
        await self.close(code=code)


def _parsed(text: str | None) -> dict[str, Any]:
    if text is None:
        raise BadMessageError("messages are JSON text, not binary")
    if len(text) > MAX_MESSAGE_BYTES:
        raise BadMessageError(f"a message has at most {MAX_MESSAGE_BYTES} characters")
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadMessageError(f"not JSON: {error}") from error
    if not isinstance(message, dict):
        raise BadMessageError("a message is a JSON object")
    return message


def _sent(moment: object) -> float:
    if not isinstance(moment, int | float) or isinstance(moment, bool):
        raise BadMessageError("t must be a number; it is sent back as it came")
    return moment


def _server_ms() -> float:
    return round(time.time() * 1000, 1)


def _acknowledge(subscriber: Subscriber, seq: object) -> None:
    if not isinstance(seq, int) or isinstance(seq, bool):
        raise BadMessageError("seq must be a whole number")
    try:
        subscriber.acknowledge(seq)
    except ValueError as error:
        raise BadMessageError(str(error)) from error
