"""The web server of ASGI_SERVER: Daphne, or Uvicorn for thousands of sockets. Read by `run_web`."""

import gc
from collections.abc import Callable
from enum import StrEnum


class ServerName(StrEnum):
    """What ASGI_SERVER may name."""

    DAPHNE = "daphne"
    UVICORN = "uvicorn"


class ListenError(OSError):
    """The address cannot be listened on; the operator must choose another."""


def serve(application: object, *, server: str, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Raises ListenError where the address is taken."""
    served = _server(ServerName(server))
    # What start-up made stays; the collector must not walk it while a tick waits.
    gc.collect()
    gc.freeze()
    failure = served(application, host, port)
    if failure:
        raise ListenError(failure)


def _server(name: ServerName) -> Callable[[object, str, int], str]:
    # Each is imported alone: Daphne installs Twisted's reactor, Uvicorn brings a loop of its own.
    if name is ServerName.UVICORN:
        from dashboard import uvicorn_server

        return uvicorn_server.serve
    from dashboard import daphne_server

    return daphne_server.serve
