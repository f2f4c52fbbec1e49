"""Daphne as this project runs it: pings that close clients which read nothing, and the hub.

Daphne takes whatever is sent and queues it for the client. A WebSocket's client that reads nothing
is closed by the ping timeout; one that reads nothing but goes on talking puts the pings off, so
it is closed for the backlog itself. Long responses wait for their client. Read by `run_web`.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

# Daphne chooses Twisted's reactor when it is imported: it must come before anything of Twisted.
from daphne.endpoints import build_endpoint_description_strings
from daphne.http_protocol import WebRequest
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol

from dashboard.hub import running_hub
from dashboard.long_requests import AnsweringChannel
from dashboard.response_flow import PacedResponses, abort

PING_INTERVAL_SECONDS = 5
PING_TIMEOUT_SECONDS = 10


class ListenError(OSError):
    """The address cannot be listened on; the operator must choose another."""


class Backlog:
    """Told by the transport when it cannot write on, and when it can again."""

    def __init__(self) -> None:
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """How long the transport has been unable to write."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    def pauseProducing(self) -> None:
        self._since = self._since or time.monotonic()

    def resumeProducing(self) -> None:
        self._since = None

    def stopProducing(self) -> None:
        self._since = None


class WebServer(Server):  # type: ignore[misc]  # daphne is untyped
    """Remembers why it could not listen, which Daphne only logs, and closes the deaf."""

    failure = ""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._backlogs: WeakKeyDictionary[Any, Backlog] = WeakKeyDictionary()
        self._paced = PacedResponses()

    def protocol_connected(self, protocol: Any) -> None:
        super().protocol_connected(protocol)
        if isinstance(protocol, WebSocketProtocol):
            backlog = self._backlogs[protocol] = Backlog()
            protocol.unregisterProducer()
            protocol.registerProducer(backlog, True)
        elif isinstance(protocol, WebRequest):
            answer = protocol.handle_exception
            protocol.handle_exception = partial(_failed, protocol, answer)

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        if not isinstance(protocol, WebRequest):
            await super().handle_reply(protocol, message)
            return
        self._paced.before(protocol, message)
        await super().handle_reply(protocol, message)
        await self._paced.after(protocol)

    def timeout_checker(self) -> None:
        for protocol, backlog in list(self._backlogs.items()):
            if backlog.seconds > PING_TIMEOUT_SECONDS:
                protocol.dropConnection(abort=True)
        super().timeout_checker()

    def listen_error(self, failure: Any) -> None:
        self.failure = failure.getErrorMessage()
        super().listen_error(failure)


def serve(application: object, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Raises ListenError where the address is taken."""
    server: WebServer = WebServer(
        application=application,
        endpoints=build_endpoint_description_strings(host=host, port=port),
        ping_interval=PING_INTERVAL_SECONDS,
        ping_timeout=PING_TIMEOUT_SECONDS,
        ready_callable=lambda: _ready(server),
        server_name="",
    )
    server.run()
    if server.failure:
        raise ListenError(server.failure)


def _failed(
    request: WebRequest, answer: Callable[[BaseException], None], error: BaseException
) -> None:
    # Daphne would begin a second answer inside the first, and fail at that.
    if request._response_started:
        abort(request)
    else:
        answer(error)


def _ready(server: WebServer) -> None:
    # Daphne makes its factory in `run`, before anyone can connect.
    server.http_factory.protocol = AnsweringChannel
    # The heartbeat begins with the process, not with its first visitor.
    asyncio.get_event_loop().create_task(_run_hub())


async def _run_hub() -> None:
    running_hub()
