"""The short way of a frame to a socket: ready bytes, straight into the connection.

Read by the subscriber; each web server puts a `Wire` into the scope of a WebSocket. Without one
(another server, a test) frames go through ASGI's `send`, a task's wake-up and an encoding each.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from websockets.frames import Frame, Opcode

WIRE = "cryptosite.wire"
"""Its name among the scope's extensions."""


class Wire(Protocol):
    """One connection, as its server writes to it."""

    def write(self, data: bytes) -> bool:
        """Take whole frames; False where the client must first take what it was sent before.

        A connection that is closing takes everything and sends nothing.
        """

    async def room(self) -> None:
        """Wait until the client has taken enough, or is gone."""


def wire_of(scope: Mapping[str, Any]) -> Wire | None:
    """Return the way that the server offers; None where it offers none."""
    wire: Wire | None = scope.get("extensions", {}).get(WIRE)
    return wire


def text_frame(text: str) -> bytes:
    """Return a WebSocket message as it is sent to a client: one frame, without compression."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)
