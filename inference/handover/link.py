"""The hot path's own connection to Redis: whole pipelines in, all replies out.

One write, one future and hiredis's parser a pipeline, instead of a coroutine a reply: with
hundreds of symbols a tick the general client spends most of the tick on scheduling. A Redis
nearby answers sooner than the event loop gets round to asking, so the first millisecond is
waited out on the socket itself. Everything else in the house uses redis-py.
"""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import hiredis
from redis.asyncio.connection import parse_url
from redis.exceptions import RedisError

LINGER_NS = 500_000
"""How long a reply is waited for on the socket before the event loop takes over."""

RECEIVE_BYTES = 1 << 20


class LinkError(RedisError):
    """Redis did not answer in time or the connection broke. Transient: try at the next tick."""


Command = tuple[str | bytes, ...]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Pipeline:
    """Commands rendered once, sent as often as needed; a cluster shares them out by key."""

    packed: bytes
    count: int
    commands: Sequence[Command]


def render(commands: Sequence[Command]) -> Pipeline:
    # hiredis's stub says a tuple of one; any length is taken.
    packed = b"".join(hiredis.pack_command(c) for c in commands)  # type: ignore[arg-type]
    return Pipeline(packed, len(commands), commands)


class Link(Protocol):
    """What the hot path needs of Redis, be it one server or a cluster."""

    @property
    def connected(self) -> bool: ...

    async def execute(self, pipeline: Pipeline) -> list[Any]:
        """Send a pipeline and return its replies; error replies come as values.

        Raises LinkError where Redis is gone or silent for longer than the time-out.
        """
        ...

    def close(self) -> None: ...


class HotLink(asyncio.Protocol):
    """One connection. One pipeline at a time; a time-out closes it, so that no late reply can
    answer a later question.

    address: the host and port that stand in for the URL's. linger: whether the first moments
    of an answer are waited out on the socket; several links that are to wait together must not.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        connect_timeout: float,
        address: tuple[str, int] | None = None,
        linger: bool = True,
    ) -> None:
        self._options: dict[str, Any] = dict(parse_url(url))
        if address is not None:
            self._options |= {"host": address[0], "port": address[1]}
        self._lingers = linger and self._tls() is None
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[list[Any]] | None = None
        self._replies: list[Any] = []
        self._missing = 0
        self._reader = hiredis.Reader()
        self._socket: socket.socket | None = None

    @property
    def connected(self) -> bool:
        return self._transport is not None

    async def execute(self, pipeline: Pipeline) -> list[Any]:
        """Send a pipeline and return its replies; error replies come as values.

        Raises LinkError where Redis is gone or silent for longer than the time-out.
        """
        if self._transport is None:
            await self._connect()
        return await self._exchange(pipeline)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def data_received(self, data: bytes) -> None:
        if self._take(data) and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(self._replies)

    def _take(self, data: bytes) -> bool:
        reader, replies = self._reader, self._replies
        reader.feed(data)
        while self._missing:
            reply = reader.gets()
            if reply is False:
                return False
            replies.append(reply)
            self._missing -= 1
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(LinkError(f"connection to Redis lost: {exc}"))

    async def _exchange(self, pipeline: Pipeline) -> list[Any]:
        transport = self._transport
        if transport is None:
            raise LinkError("not connected to Redis")
        self._replies = []
        self._missing = pipeline.count
        if self._socket is not None and self._linger(self._socket, pipeline.packed):
            return self._replies
        if self._socket is None:
            transport.write(pipeline.packed)
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[list[Any]] = loop.create_future()
        self._waiting = waiting
        deadline = loop.call_later(self._timeout, self._expire, waiting)
        try:
            return await waiting
        finally:
            deadline.cancel()
            self._waiting = None

    def _linger(self, plain: socket.socket, packed: bytes) -> bool:
        """Send, and busy-wait for the replies; False where the event loop must do the rest."""
        try:
            sent = plain.send(packed)
        except BlockingIOError:
            sent = 0
        except OSError:
            return False  # the transport learns of it, too
        if sent < len(packed):
            if self._transport is not None:
                self._transport.write(packed[sent:])
            return False
        deadline = time.perf_counter_ns() + LINGER_NS
        while time.perf_counter_ns() < deadline:
            try:
                data = plain.recv(RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                return False
            if not data:
                return False
            if self._take(data):
                return True
        return False

    def _expire(self, waiting: asyncio.Future[list[Any]]) -> None:
        if not waiting.done():
            waiting.set_exception(LinkError(f"no reply from Redis within {self._timeout} s"))
            self.close()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        options = self._options
        self._reader = hiredis.Reader()
        try:
            async with asyncio.timeout(self._connect_timeout):
                if "path" in options:
                    transport, _ = await loop.create_unix_connection(lambda: self, options["path"])
                else:
                    transport, _ = await loop.create_connection(
                        lambda: self,
                        options.get("host", "localhost"),
                        options.get("port", 6379),
                        ssl=self._tls(),
                    )
        except (OSError, TimeoutError) as error:
            raise LinkError(f"cannot connect to Redis: {error or 'timed out'}") from error
        self._transport = transport
        if self._lingers:
            # A second descriptor of the same connection; the transport keeps its own.
            self._socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
            self._socket.setblocking(False)
        await self._introduce()

    def _tls(self) -> ssl.SSLContext | None:
        uses_tls = "SSL" in getattr(self._options.get("connection_class"), "__name__", "")
        return ssl.create_default_context() if uses_tls else None

    async def _introduce(self) -> None:
        commands: list[Command] = []
        if password := self._options.get("password"):
            user = self._options.get("username")
            commands.append(("AUTH", user, password) if user else ("AUTH", password))
        if database := self._options.get("db"):
            commands.append(("SELECT", str(database)))
        if not commands:
            return
        for reply in await self._exchange(render(commands)):
            if isinstance(reply, hiredis.HiredisError):
                self.close()
                raise LinkError(f"Redis refused the connection: {reply}")
