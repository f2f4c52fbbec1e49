"""A socket's short way through Twisted: bytes whole, in order, never beyond its room."""

import pytest
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.streams import StreamReader

from dashboard.daphne_server import TwistedWire
from dashboard.response_flow import ClientFlow
from dashboard.wire import text_frame


class FakeTransport:
    """Takes so many bytes at once; what is written by way of the reactor waits."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.sent = b""
        self.dataBuffer = b""
        self._tempDataBuffer: list[bytes] = []
        self.disconnecting = False

    def writeSomeData(self, data: bytes) -> int | Exception:
        if self.takes < 0:
            return ConnectionError("lost")
        self.sent += data[: self.takes]
        return min(self.takes, len(data))

    def write(self, data: bytes) -> None:
        self._tempDataBuffer.append(data)

    @property
    def all_of_it(self) -> bytes:
        return self.sent + b"".join(self._tempDataBuffer)


class FakeProtocol:
    STATE_OPEN = 3

    def __init__(self, transport: FakeTransport, state: int = STATE_OPEN) -> None:
        self.transport = transport
        self.state = state


@pytest.mark.parametrize("takes", [0, 1, 7, 1_000, -1])
def test_wire_sends_every_byte_in_order_however_much_is_taken_at_once(takes: int) -> None:
    transport = FakeTransport(takes)
    wire = TwistedWire(FakeProtocol(transport), ClientFlow())
    for text in ("first", "second", "third"):
        assert wire.write(text_frame(text))
    assert transport.all_of_it == b"".join(map(text_frame, ("first", "second", "third")))


def test_wire_of_a_full_transport_takes_nothing() -> None:
    transport, flow = FakeTransport(1_000), ClientFlow()
    wire = TwistedWire(FakeProtocol(transport), flow)
    flow.pauseProducing()
    assert not wire.write(b"frame")
    flow.resumeProducing()
    assert wire.write(b"frame")
    assert transport.all_of_it == b"frame"


def test_wire_of_a_closing_socket_sends_nothing_and_keeps_nobody_waiting() -> None:
    transport = FakeTransport(1_000)
    assert TwistedWire(FakeProtocol(transport, state=2), ClientFlow()).write(b"frame")
    assert transport.all_of_it == b""


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_text_frame_is_one_whole_message_of_a_server(length: int) -> None:
    reader = StreamReader()
    reader.feed_data(text_frame("€" + "x" * length))
    parsing = WireFrame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    frame = done.value.value
    assert (frame.opcode, frame.fin, frame.data) == (
        Opcode.TEXT,
        True,
        ("€" + "x" * length).encode(),
    )
