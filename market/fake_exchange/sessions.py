"""One client's WebSocket: what it subscribed to, and what is on its way to it.

Made by the exchange's WebSocket handler. Frames are encoded once and written straight to the
transport, so that half a frame can be sent as well, and a flood costs little.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

TEXT, BINARY, PING = 0x81, 0x82, 0x89
MOST_STREAMS = 1_024
MOST_REQUESTS_A_SECOND = 5
"""Binance disconnects who sends more: requests, pings and pongs together."""

PING_SECONDS = 20.0
PONG_SECONDS = 60.0
MOST_UNREAD_BYTES = 64 * 1024 * 1024
"""A client that leaves so much unread is disconnected, as an exchange does."""

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class RequestError(ValueError):
    """A request that the exchange refuses; code as Binance numbers them."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def encode(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return a whole WebSocket frame, unmasked as servers send them."""
    length = len(payload)
    if length < 126:
        return bytes((opcode, length)) + payload
    if length < 1 << 16:
        return bytes((opcode, 126)) + length.to_bytes(2, "big") + payload
    return bytes((opcode, 127)) + length.to_bytes(8, "big") + payload


class Session:
    """One connection. streams: those asked for, in order; combined: with the stream's name."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        streams: Iterable[str],
        *,
        combined: bool,
    ) -> None:
        self.socket = socket
        self.streams: dict[str, None] = dict.fromkeys(streams)
        self.combined = combined
        self.since = time.monotonic()
        self.sent = 0
        self._transport = transport
        self._outbox: list[bytes] = []
        self._pinged = self._ponged = self.since
        self._requests: deque[float] = deque(maxlen=MOST_REQUESTS_A_SECOND + 1)

    @property
    def unread_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    @property
    def gone(self) -> bool:
        return self.socket.closed or self._transport.is_closing()

    def put(self, frame: bytes) -> None:
        """Add an encoded frame to what `flush` sends."""
        self._outbox.append(frame)

    def flush(self) -> None:
        if self._outbox and not self.gone:
            self.sent += len(self._outbox)
            self._transport.write(b"".join(self._outbox))
            if self.unread_bytes > MOST_UNREAD_BYTES:
                self.abort()
        self._outbox.clear()

    def end_with(self, part: bytes) -> None:
        """Send what is waiting and a piece of a frame, then cut the connection."""
        self.put(part)
        self.flush()
        self._transport.close()

    def say_goodbye(self) -> None:
        """Send a close frame, as at the end of a connection's lifetime, and close."""
        self.end_with(encode((1001).to_bytes(2, "big"), 0x88))

    def abort(self) -> None:
        """Cut the connection without a goodbye."""
        self._transport.abort()

    def keep_alive(self, now: float) -> None:
        """Ping when it is time; abort who has not answered for long."""
        if now - self._ponged > PING_SECONDS + PONG_SECONDS:
            self.abort()
        elif now - self._pinged > PING_SECONDS:
            self._pinged = now
            self.put(encode(b"%d" % (time.time_ns() // 1_000_000), PING))

    def heard(self, message: WSMessage) -> bytes | None:
        """Return the encoded answer to one frame of the client, None where there is none.

        Raises ConnectionError where it sends too many.
        """
        now = time.monotonic()
        self._requests.append(now)
        if len(self._requests) > MOST_REQUESTS_A_SECOND and now - self._requests[0] < 1.0:
            raise ConnectionError("too many requests")
        if message.type is WSMsgType.PONG:
            self._ponged = now
            return None
        if message.type is WSMsgType.PING:
            return encode(bytes(message.data), 0x8A)
        if message.type is WSMsgType.TEXT:
            return encode(self._answer(message.data))
        return None

    def _answer(self, text: str) -> bytes:
        number: Any = None
        try:
            request = _decoded(text)
            number = request.get("id")
            answer: dict[str, Any] = {"result": self._do(request), "id": number}
        except RequestError as error:
            answer = {"error": {"code": error.code, "msg": str(error)}, "id": number}
        return json.dumps(answer, separators=(",", ":")).encode()

    def _do(self, request: Mapping[str, Any]) -> Any:
        method, params = request.get("method"), request.get("params", [])
        if method not in _METHODS:
            raise RequestError(
                2, f"Invalid request: unknown variant `{method}`, expected one of "
                + ", ".join(f"`{each}`" for each in _METHODS)
            )  # fmt: skip
        if method == "LIST_SUBSCRIPTIONS":
            return list(self.streams)
        if method == "GET_PROPERTY":
            return self.combined
        if method == "SET_PROPERTY":
            return self._set(params)
        if not isinstance(params, list) or not all(isinstance(each, str) for each in params):
            raise RequestError(2, "Invalid request: params must be a list of stream names")
        if method == "UNSUBSCRIBE":
            for stream in params:
                self.streams.pop(stream, None)
            return None
        if len(self.streams.keys() | set(params)) > MOST_STREAMS:
            raise RequestError(2, "Invalid request: too many parameters")
        self.streams.update(dict.fromkeys(params))
        return None

    def _set(self, params: Any) -> None:
        if not isinstance(params, list) or len(params) != 2 or params[0] != "combined":
            raise RequestError(0, "Unknown property")
        if not isinstance(params[1], bool):
            raise RequestError(1, "Invalid value type: expected Boolean")
        self.combined = params[1]


def _decoded(text: str) -> Mapping[str, Any]:
    try:
        request = json.loads(text)
    except ValueError as error:
        raise RequestError(3, f"Invalid JSON: {error}") from error
    if not isinstance(request, dict):
        raise RequestError(2, "Invalid request: expected an object")
    return request
