"""Daphne as this project runs it: pings that close clients which read nothing, and the hub.

Read by `run_web`.
"""

import asyncio
from typing import Any

# Daphne chooses Twisted's reactor when it is imported: it must come before anything of Twisted.
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server

from dashboard.hub import running_hub

PING_INTERVAL_SECONDS = 5
PING_TIMEOUT_SECONDS = 10


class ListenError(OSError):
    """The address cannot be listened on; the operator must choose another."""


class WebServer(Server):  # type: ignore[misc]  # daphne is untyped
    """Remembers why it could not listen, which Daphne only logs."""

    failure = ""

    def listen_error(self, failure: Any) -> None:
        self.failure = failure.getErrorMessage()
        super().listen_error(failure)


def serve(application: object, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Raises ListenError where the address is taken."""
    server = WebServer(
        application=application,
        endpoints=build_endpoint_description_strings(host=host, port=port),
        ping_interval=PING_INTERVAL_SECONDS,
        ping_timeout=PING_TIMEOUT_SECONDS,
        ready_callable=_start_hub,
        server_name="",
    )
    server.run()
    if server.failure:
        raise ListenError(server.failure)


def _start_hub() -> None:
    # The heartbeat begins with the process, not with its first visitor.
    asyncio.get_event_loop().create_task(_run_hub())


async def _run_hub() -> None:
    running_hub()
