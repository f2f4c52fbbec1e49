"""The fake exchange as a server on loopback: REST, WebSocket streams, control.

Started by `manage.py fake_exchange`, and by tests within their own process.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import WSMsgType, web

from market.fake_exchange.control import Control
from market.fake_exchange.exchange import FakeExchange
from market.fake_exchange.history import History
from market.fake_exchange.rest import RestApi
from market.fake_exchange.sessions import Session

HOST = "127.0.0.1"
_CONTROL_OPCODES = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


class Streams:
    """The WebSocket paths."""

    def __init__(self, exchange: FakeExchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/ws", self.plain),
            web.get("/ws/{streams:.*}", self.plain),
            web.get("/stream", self.combined),
        ]

    async def plain(self, request: web.Request) -> web.WebSocketResponse:
        """`/ws/A/B`: data objects alone. A path of no stream's name, as clients number them, is
        an empty connection."""
        named = request.match_info.get("streams", "").split("/")
        return await self._serve(request, [each for each in named if "@" in each], combined=False)

    async def combined(self, request: web.Request) -> web.WebSocketResponse:
        """`/stream?streams=A/B`: each data object with its stream's name."""
        named = request.query.get("streams", "").split("/")
        return await self._serve(request, [each for each in named if each], combined=True)

    async def _serve(
        self, request: web.Request, streams: list[str], *, combined: bool
    ) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False, autoclose=True, compress=False, timeout=0.5)
        await socket.prepare(request)
        transport = request.transport
        if transport is None:
            return socket
        session = Session(socket, transport, streams, combined=combined)
        delivery = self._exchange.delivery
        delivery.sessions.append(session)
        delivery.refresh()
        try:
            await self._listen(session)
        except ConnectionError:
            session.abort()
        finally:
            delivery.sessions.remove(session) if session in delivery.sessions else None
            delivery.refresh()
        return socket

    async def _listen(self, session: Session) -> None:
        async for message in session.socket:
            if message.type in _CONTROL_OPCODES:
                return
            answer = session.heard(message)
            self._exchange.delivery.refresh()
            if answer is not None and not self._exchange.faults.mute():
                session.put(answer)
                session.flush()


@contextlib.asynccontextmanager
async def serving(
    exchange: FakeExchange, port: int, candles: Path | None = None
) -> AsyncIterator[None]:
    """Serve on loopback, and play, while the context lasts. Raises OSError for a taken port."""
    history = History(
        candles,
        exchange.clock_ms(),
        lambda symbol: exchange.player(symbol).reel.opening_price,
        as_recorded=exchange.plan.as_recorded,
    )
    rest = RestApi(exchange, history)
    app = web.Application(middlewares=[rest.guard])
    for part in (rest, Streams(exchange), Control(exchange)):
        app.add_routes(part.routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    playing = None
    try:
        await web.TCPSite(runner, HOST, port).start()
        playing = asyncio.create_task(exchange.run())
        yield
    finally:
        if playing is not None:
            playing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await playing
        await runner.cleanup()
