"""Daphne as this project runs it: pings that close clients which read nothing, and the hub.

Daphne takes whatever is sent and queues it for the client; here nothing more is written to one
that has not taken the last. A WebSocket's client that reads nothing is closed by the ping timeout;
one that reads nothing but goes on talking puts the pings off, so it is closed for the backlog
itself. Long responses wait for their client. Read by `dashboard.web_server`.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

# Daphne chooses Twisted's reactor when it is imported: it must come before anything of Twisted.
from daphne.endpoints import build_endpoint_description_strings
from daphne.http_protocol import WebRequest
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol
from twisted.web.http import HTTPChannel

from dashboard.client_limits import (
    LONGEST_MESSAGE,
    PING_INTERVAL_SECONDS,
    PING_TIMEOUT_SECONDS,
)
from dashboard.hub import running_hub
from dashboard.long_requests import refusal
from dashboard.response_flow import ClientFlow, PacedResponses, abort
from dashboard.wire import WIRE


class TwistedWire:
    """A socket's short way through Twisted: written at once while nothing waits before it.

    A write by way of the reactor costs several system calls more, a thousand times a tick.
    """

    def __init__(self, protocol: Any, flow: ClientFlow) -> None:
        self._protocol = protocol
        self._flow = flow

    def write(self, data: bytes) -> bool:
        protocol = self._protocol
        if protocol.state != protocol.STATE_OPEN:
            return True
        if self._flow.paused:
            return False
        transport = protocol.transport
        sent = 0
        if not (transport.dataBuffer or transport._tempDataBuffer or transport.disconnecting):
            written = transport.writeSomeData(data)
            # A connection that is lost is found so by the reactor, below.
            sent = written if isinstance(written, int) else 0
        if sent < len(data):
            transport.write(data[sent:])
        return True

    async def room(self) -> None:
        await self._flow.room()


class WebServer(Server):  # type: ignore[misc]  # daphne is untyped
    """Remembers why it could not listen, which Daphne only logs, and closes the deaf."""

    failure = ""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._flows: WeakKeyDictionary[Any, ClientFlow] = WeakKeyDictionary()
        self._paced = PacedResponses()

    def protocol_connected(self, protocol: Any) -> None:
        super().protocol_connected(protocol)
        if isinstance(protocol, WebSocketProtocol):
            flow = self._flows[protocol] = ClientFlow()
            protocol.unregisterProducer()
            protocol.registerProducer(flow, True)
        elif isinstance(protocol, WebRequest):
            answer = protocol.handle_exception
            protocol.handle_exception = partial(_failed, protocol, answer)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if protocol in self._flows:
            wire = TwistedWire(protocol, self._flows[protocol])
            scope["extensions"] = {WIRE: wire}
        return super().create_application(protocol, scope)

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        if not isinstance(protocol, WebRequest):
            await super().handle_reply(protocol, message)
            return
        self._paced.before(protocol, message)
        await super().handle_reply(protocol, message)
        await self._paced.after(protocol)

    def timeout_checker(self) -> None:
        for protocol, flow in list(self._flows.items()):
            if flow.stalled_seconds(_waiting(protocol.transport)) > PING_TIMEOUT_SECONDS:
                protocol.dropConnection(abort=True)
        super().timeout_checker()

    def listen_error(self, failure: Any) -> None:
        self.failure = failure.getErrorMessage()
        super().listen_error(failure)


class AnsweringChannel(HTTPChannel):
    """Reads requests as Twisted does, and says 414 or 431 where a line is too long."""

    def lineLengthExceeded(self, line: bytes) -> None:
        first = line.split(b" ", 1)[0]
        transport: Any = self.transport
        transport.write(refusal(414 if first.isalpha() else 431))
        transport.loseConnection()


def serve(application: object, host: str, port: int) -> str:
    """Serve until SIGTERM or SIGINT; return why the address cannot be listened on, if so."""
    server: WebServer = WebServer(
        application=application,
        endpoints=build_endpoint_description_strings(host=host, port=port),
        ping_interval=PING_INTERVAL_SECONDS,
        ping_timeout=PING_TIMEOUT_SECONDS,
        ready_callable=lambda: _ready(server),
        server_name="",
    )
    server.run()
    return server.failure


def _failed(
    request: WebRequest, answer: Callable[[BaseException], None], error: BaseException
) -> None:
    # Daphne would begin a second answer inside the first, and fail at that.
    if request._response_started:
        abort(request)
    else:
        answer(error)


def _waiting(transport: Any) -> int:
    return int(len(transport.dataBuffer) - transport.offset + transport._tempDataLen)


def _ready(server: WebServer) -> None:
    # Daphne makes its factory in `run`, before anyone can connect.
    server.http_factory.protocol = AnsweringChannel
    server.ws_factory.setProtocolOptions(
        maxFramePayloadSize=LONGEST_MESSAGE,
        maxMessagePayloadSize=LONGEST_MESSAGE,
        failByDrop=False,  # a client is told why
    )
    # The heartbeat begins with the process, not with its first visitor.
    asyncio.get_event_loop().create_task(_run_hub())


async def _run_hub() -> None:
    running_hub()
