"""ccxt's client of one socket, which says when each frame arrived and survives bad ones.

ccxt's own ends its reading at the first frame that it cannot parse, without a word, and keeps no
receive time. Read by every link.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import WSMessage, WSMsgType
from ccxt.async_support.base.ws.client import Client

YIELD_EVERY = 64
"""Frames that lie ready are read in one go; after so many others on the loop have their turn."""

_ENDS = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)

log = structlog.get_logger(__name__)


class StampingClient(Client):  # type: ignore[misc]  # ccxt's client is untyped
    """Made of ccxt's by `stamping`, as the exchange names that class itself.

    recv_ns: when the frame that is being handled arrived. proof_ns: when anything last did, a
    pong too; None before. pinged_ns: when the ping was sent that is not answered yet;
    round_trip_ns: how long the last answer took. ended: has the reason once the socket is gone.
    """

    now_ns: Callable[[], int]
    hear: Callable[[str, int], bool] | None
    on_malformed: Callable[[], None]
    recv_ns: int
    proof_ns: int | None
    pinged_ns: int | None
    round_trip_ns: int | None
    ended: "asyncio.Future[str]"

    def receive_loop(self) -> None:
        """Read until the socket ends; ccxt calls it once connected."""
        self._reading = self.asyncio_loop.create_task(self._read())
        self._reading.add_done_callback(self._read_to_the_end)

    async def ping_loop(self) -> None:
        """Ping every `keepAlive` ms; ccxt calls it once connected.

        An answer comes behind all that the exchange said before it: how long it takes is how old
        what is read may be, by our own clock alone.
        """
        if self.ping is not None:
            await super().ping_loop()
            return
        connection = self.connection
        while not connection.closed:
            await asyncio.sleep(self.keepAlive / 1e3)
            now_ns = self.now_ns()
            if self.pinged_ns is None:
                self.pinged_ns = now_ns
            try:
                await connection.ping(now_ns.to_bytes(8))
            except (OSError, RuntimeError) as error:
                if not connection.closed:
                    self.on_error(error)
                return

    def handle_message(self, message: WSMessage) -> None:
        self.recv_ns = recv_ns = self.now_ns()
        if message.type in _ENDS:
            super().handle_message(message)
            return
        if message.type is WSMsgType.PONG and self.pinged_ns is not None:
            self._answered(message.data, recv_ns)
        try:
            hear = self.hear if message.type is WSMsgType.TEXT else None
            if hear is None or not hear(message.data, recv_ns):
                super().handle_message(message)
        except Exception as error:
            # ccxt's parsers raise anything for what they did not expect. One bad frame must not
            # end the reading of all that follow.
            self.on_malformed()
            log.debug("frame_not_understood", url=self.url, error=str(error))
        # After it was heard: a frame that ends a cell is no proof within that cell.
        self.proof_ns = recv_ns

    def on_error(self, error: Any) -> None:
        super().on_error(error)
        self._end(f"{type(error).__name__}: {error}")

    def on_close(self, code: Any) -> None:
        super().on_close(code)
        self._end(f"closed by the exchange (code {code})")

    async def close(self, code: int = 1000) -> None:
        await super().close(code)
        self._end("closed")

    def _answered(self, payload: bytes, recv_ns: int) -> None:
        pinged_ns = self.pinged_ns
        if pinged_ns is not None and payload == pinged_ns.to_bytes(8):
            self.round_trip_ns, self.pinged_ns = recv_ns - pinged_ns, None

    async def _read(self) -> None:
        connection = self.connection
        read = 0
        while True:
            message = await connection.receive()
            self.handle_message(message)
            if message.type in _ENDS:
                if not self.ended.done():
                    self.on_close(connection.close_code)
                return
            read += 1
            if read % YIELD_EVERY == 0:
                await asyncio.sleep(0)

    def _read_to_the_end(self, reading: "asyncio.Task[None]") -> None:
        if not reading.cancelled() and (error := reading.exception()) is not None:
            self._end(f"{type(error).__name__}: {error}")

    def _end(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason[:300])


def stamping(
    made: Any,
    now_ns: Callable[[], int],
    hear: Callable[[str, int], bool] | None = None,
    on_malformed: Callable[[], None] = lambda: None,
) -> StampingClient:
    """Turn a client that ccxt just made into a stamping one.

    hear: gets each text and its receive time before ccxt parses it; True where that was all.
    """
    if not isinstance(made, StampingClient):
        made.__class__ = StampingClient
    client: StampingClient = made
    client.now_ns, client.hear, client.on_malformed = now_ns, hear, on_malformed
    client.recv_ns, client.proof_ns = 0, None
    client.pinged_ns, client.round_trip_ns = None, None
    client.ended = asyncio.get_running_loop().create_future()
    return client
