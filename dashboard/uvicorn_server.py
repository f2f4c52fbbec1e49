"""Uvicorn as this project runs it: one process, pings, and nothing for clients that take nothing.

A client that does not read is waited for by its own task alone; here it is cut off after a while,
because a connection that is merely closed waits for its last bytes to be read. Read by
`dashboard.web_server`.
"""

import asyncio
import signal
import socket
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import Server
from websockets.frames import Frame

from dashboard.client_limits import (
    LONGEST_LINE,
    LONGEST_MESSAGE,
    LONGEST_STALL_SECONDS,
    PING_INTERVAL_SECONDS,
    PING_TIMEOUT_SECONDS,
)
from dashboard.hub import running_hub
from dashboard.long_requests import refusal, refusal_body
from dashboard.wire import WIRE

LONGEST_HEAD = 4 * LONGEST_LINE
"""Bytes of a request before its body; of one that is not whole by then no more is read."""

STOP_SECONDS = 3
"""How long answers that are under way may take when the process is told to stop."""

BACKLOG = 2_048


class Stall:
    """Cuts a connection off where its client takes nothing for so long; a slow one takes some."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = 0

    def begin(self, transport: asyncio.Transport) -> None:
        self.end()
        self._waiting = transport.get_write_buffer_size()
        self._arm(transport)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._seconds, self._look, transport)

    def _look(self, transport: asyncio.Transport) -> None:
        waiting = transport.get_write_buffer_size()
        if waiting >= self._waiting:
            transport.abort()
            return
        self._waiting = waiting
        self._arm(transport)


class CutOff:
    """Before a protocol of Uvicorn's: whoever takes nothing for `patience` seconds is cut off."""

    patience: float
    transport: Any

    def connection_made(self, transport: Any) -> None:
        self._stall = Stall(self.patience)
        super().connection_made(transport)  # type: ignore[misc]  # the protocol's behind this

    def connection_lost(self, exc: Exception | None) -> None:
        self._stall.end()
        super().connection_lost(exc)  # type: ignore[misc]

    def pause_writing(self) -> None:
        super().pause_writing()  # type: ignore[misc]
        self._stall.begin(self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()  # type: ignore[misc]
        self._stall.end()


class Requests(CutOff, H11Protocol):
    """HTTP, and the way into a WebSocket."""

    patience = LONGEST_STALL_SECONDS

    def send_400_response(self, msg: str) -> None:
        head, _ = self.conn.trailing_data
        if len(head) <= LONGEST_HEAD:
            super().send_400_response(msg)
            return
        self.transport.write(refusal(431 if b"\r\n" in head else 414))
        self.transport.close()


class Sockets(CutOff, WebSocketsSansIOProtocol):
    """One WebSocket: what does not read is not written to, and soon cut off."""

    patience = PING_TIMEOUT_SECONDS

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        # No more pings from here on: whoever says goodbye must still take what was sent.
        if self.transport.is_closing():
            self._stall.begin(self.transport)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()

    async def run_asgi(self) -> None:
        extensions: dict[str, Any] = {**(self.scope["extensions"] or {}), WIRE: UvicornWire(self)}
        self.scope["extensions"] = extensions
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.close" and self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)


class UvicornWire:
    """A socket's short way to Uvicorn's transport."""

    def __init__(self, protocol: Sockets) -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> bool:
        protocol = self._protocol
        if protocol.close_sent or protocol.disconnected:
            return True
        if not protocol.writable.is_set():
            return False
        protocol.transport.write(data)
        return True

    async def room(self) -> None:
        await self._protocol.writable.wait()


class ShortHeads:
    """Refuses requests with a line that is longer than the other server would read."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        status = _too_long(scope) if scope["type"] in ("http", "websocket") else None
        if status is None:
            await self._application(scope, receive, send)
            return
        kind = "http" if scope["type"] == "http" else "websocket.http"
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": f"{kind}.response.start", "status": status, "headers": headers})
        await send({"type": f"{kind}.response.body", "body": refusal_body(status)})


class WebServer(Server):
    """Starts the hub with the process, and ends it with the process."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # The heartbeat begins with the process, not with its first visitor.
        running_hub()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        await running_hub().stop()


def serve(application: object, host: str, port: int) -> str:
    """Serve until SIGTERM or SIGINT; return why the address cannot be listened on, if so."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        return str(error)
    # Uvicorn raises the signal that stopped it again when it is done.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    WebServer(_config(application)).run(sockets=[listener])
    return ""


def _config(application: object) -> Config:
    return Config(
        app=ShortHeads(application),
        loop="uvloop",
        http=Requests,
        ws=Sockets,
        lifespan="off",
        interface="asgi3",
        ws_max_size=LONGEST_MESSAGE,
        ws_ping_interval=PING_INTERVAL_SECONDS,
        ws_ping_timeout=PING_TIMEOUT_SECONDS,
        ws_per_message_deflate=False,
        h11_max_incomplete_event_size=LONGEST_HEAD,
        timeout_graceful_shutdown=STOP_SECONDS,
        backlog=BACKLOG,
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
    )


def _too_long(scope: Any) -> int | None:
    line = len(scope["raw_path"]) + len(scope["query_string"]) + len("GET ? HTTP/1.1")
    if line > LONGEST_LINE:
        return 414
    longest = max((len(name) + len(value) + 2 for name, value in scope["headers"]), default=0)
    return 431 if longest > LONGEST_LINE else None
