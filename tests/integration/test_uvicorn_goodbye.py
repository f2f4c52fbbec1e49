"""A client of Uvicorn that says goodbye and then takes nothing of what it was still sent."""

import asyncio
import socket
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from dashboard.uvicorn_server import Sockets
from tests.waiting import eventually

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCHED = b"HTTP/1.1 101"
GOODBYE = b"\x88\x80\x00\x00\x00\x00"
MUCH = 32 * 2**20


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "bytes": b"x" * MUCH})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def test_client_that_says_goodbye_and_reads_nothing_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Sockets, "patience", 0.05)
    state = ServerState()
    config = Config(application, ws_ping_interval=None, log_config=None)

    def protocol() -> Sockets:
        made = Sockets(config, state, {})
        made.pause_writing = made.writable.set  # type: ignore[method-assign]  # below its mark
        return made

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(server.sockets[0].getsockname())
        client.setblocking(False)
        client.sendall(HANDSHAKE)
        # A frame in the same packet as the handshake would be read as part of the request.
        assert (await loop.sock_recv(client, len(SWITCHED))) == SWITCHED
        client.sendall(GOODBYE)
        await eventually(lambda: not state.connections)
    server.close()
