"""Responses and sockets at their client's pace. Daphne queues whatever is sent to a slow client.

Read by `dashboard.daphne_server`, which waits here after each part of a response, and whose
sockets write only where there is room.
"""

import asyncio
import time
from typing import Any

from daphne.http_protocol import WebRequest

from dashboard.client_limits import LONGEST_STALL_SECONDS


class ClientFlow:
    """Told by the transport when it cannot write on, and when it can again."""

    def __init__(self) -> None:
        self._room = asyncio.Event()
        self._room.set()
        self._paused_at = 0.0
        self._waiting = 0

    @property
    def paused(self) -> bool:
        return not self._room.is_set()

    def stalled_seconds(self, waiting: int) -> float:
        """Return how long the client has taken nothing; waiting: the bytes that wait for it now."""
        if waiting < self._waiting:
            self._paused_at = time.monotonic()
        self._waiting = waiting
        return time.monotonic() - self._paused_at if self.paused else 0.0

    async def room(self, stall_seconds: float | None = None) -> None:
        """Wait for room. Raises TimeoutError where none came."""
        if not self._room.is_set():
            await asyncio.wait_for(self._room.wait(), stall_seconds)

    def pauseProducing(self) -> None:
        if not self.paused:
            self._paused_at = time.monotonic()
        self._room.clear()

    def resumeProducing(self) -> None:
        self._room.set()

    def stopProducing(self) -> None:
        self._room.set()


class PacedResponses:
    """Holds each response back while its client has not taken the last part."""

    def __init__(self, stall_seconds: float = LONGEST_STALL_SECONDS) -> None:
        self._stall_seconds = stall_seconds

    def before(self, request: WebRequest, message: dict[str, Any]) -> None:
        """Follow the client's pace from a response's first part, until before its last."""
        if message["type"] != "http.response.body" or request.channel is None:
            return
        if not message.get("more_body"):
            if request.producer:
                request.unregisterProducer()
        elif not request.producer:
            request.registerProducer(ClientFlow(), True)

    async def after(self, request: WebRequest) -> None:
        """Wait until the client has room; close the connection of one that takes nothing."""
        flow = request.producer
        if not isinstance(flow, ClientFlow) or request.channel is None:
            return
        try:
            await flow.room(self._stall_seconds)
        except TimeoutError:
            abort(request)


def abort(request: WebRequest) -> None:
    """Close a connection in the midst of a response, so that none is taken for a whole one."""
    if request.channel is not None:
        request.channel.forceAbortClient()
