"""What the small servers that speak an exchange's protocol have in common.

A test says what they tell; their market lists and answers to subscriptions are their own.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

NOW_MS = 1_790_000_000_000
MINUTE_MS = 60_000


class Spoken:
    """One exchange. heard: what clients sent over WebSocket, pings left out.

    url: for EXCHANGE_URL. on_subscribe: what is told at once to who subscribes, by channel.
    """

    name = ""

    def __init__(self) -> None:
        self.url = ""
        self.heard: list[dict[str, Any]] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.at_once: dict[str, list[Any]] = {}

    async def tell(self, *messages: Any) -> None:
        """Send to every client; text as it is."""
        for message in messages:
            text = message if isinstance(message, str) else json.dumps(message)
            for socket in self.sockets:
                await socket.send_str(text)

    async def drop(self) -> None:
        """End every connection."""
        for socket in list(self.sockets):
            await socket.close()

    def subscriptions(self, channel: str) -> list[list[str]]:
        """Return the symbols of each subscription to a channel, in order."""
        return [symbols for name, symbols in map(self.asked, self.heard) if name == channel]

    def rest(self, path: str, query: dict[str, str]) -> Any:
        """Answer a REST question."""
        raise NotImplementedError

    def pong(self, message: Any) -> Any:
        """Return the answer to a ping, None where it is none."""
        raise NotImplementedError

    def asked(self, message: dict[str, Any]) -> tuple[str, list[str]]:
        """Return the channel and symbols that a message subscribes to, ("", []) for none."""
        raise NotImplementedError

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._listen(request)
        return web.json_response(self.rest(request.path, dict(request.query)))

    async def _listen(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            message = frame.data if frame.data == "ping" else json.loads(frame.data)
            answer = self.pong(message)
            if answer is not None:
                await socket.send_str(answer if isinstance(answer, str) else json.dumps(answer))
                continue
            self.heard.append(message)
            channel, _ = self.asked(message)
            for told in self.at_once.get(channel, []):
                await socket.send_str(json.dumps(told))
        self.sockets.remove(socket)
        return socket


@asynccontextmanager
async def speaking(exchange: Spoken) -> AsyncIterator[Spoken]:
    """Serve an exchange on a free port of this machine, on the running loop."""
    application = web.Application()
    application.router.add_route("GET", "/{path:.*}", exchange._serve)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    exchange.url = f"http://127.0.0.1:{port}"
    try:
        yield exchange
    finally:
        await exchange.drop()
        await runner.cleanup()
