"""Brings what a stream says to those who asked for it, and spoils it on the way where a fault asks.

Used by the exchange. Every frame of every stream goes through `say`, whole and in order.
"""

from collections import defaultdict

from market.fake_exchange.faults import Fault, FaultKind, Faults
from market.fake_exchange.sessions import BINARY, Session, encode

_GARBAGE = (
    encode(b"\x00\xff\xfenot text at all", BINARY),
    encode(b"this is no JSON {"),
    encode(b'{"stream":"what","data":{"e":"unheardOf","E":"yesterday"}}'),
    encode(b'{"u":"x","s":7,"b":null,"B":[],"a":{},"A":-1}'),
    encode(b"[]"),
    encode(b'{"e":"depthUpdate","s":"BTCUSDT"}'),
)
MOST_HELD = 200_000
"""Frames held back by a fault; beyond it the oldest go, as from any full buffer."""

_WITHHOLDING = (FaultKind.SILENT, FaultKind.HALTED, FaultKind.DELISTED)


class Delivery:
    """Sessions by the streams that they asked for, and the faults between."""

    def __init__(self, faults: Faults) -> None:
        self.sessions: list[Session] = []
        self._faults = faults
        self._neighbours: dict[str, bytes] = {}
        self._held: dict[int, list[tuple[str, bytes]]] = defaultdict(list)
        self._garbage = 0
        self.asked: dict[str, list[Session]] = {}

    def refresh(self) -> None:
        """Learn anew who asked for what; call it whenever a session came, went or asked."""
        asked: dict[str, list[Session]] = defaultdict(list)
        self.sessions = [session for session in self.sessions if not session.gone]
        for session in self.sessions:
            for stream in session.streams:
                asked[stream].append(session)
        self.asked = dict(asked)

    def say(self, symbol: str, kind: str, stream: str, data: bytes) -> None:
        """Bring one data object to everybody who asked for the stream."""
        if not self._faults.going_on and not self._neighbours:
            self._deliver(stream, data)
            return
        for told in self._spoiled(symbol, kind, stream, data):
            self._deliver(stream, told)
            if self._faults.holds(FaultKind.GARBAGE, symbol, kind):
                self._scatter(stream)

    def release(self, fault: Fault) -> None:
        """Send what a fault that has ended held back."""
        for stream, data in self._held.pop(fault.number, ()):
            self._deliver(stream, data)

    def flush(self) -> None:
        for session in self.sessions:
            session.flush()

    def _spoiled(self, symbol: str, kind: str, stream: str, data: bytes) -> list[bytes]:
        faults = self._faults
        if any(each.concerns(symbol, kind) for each in faults.of(*_WITHHOLDING)):
            return []
        if held := faults.holds(FaultKind.HOLD, symbol, kind):
            waiting = self._held[held.number]
            waiting.append((stream, data))
            del waiting[:-MOST_HELD]
            return []
        if kind.startswith("depth") and self._use(FaultKind.SKIP, symbol, kind):
            return []
        if self._use(FaultKind.TRUNCATED, symbol, kind):
            return [data[: len(data) // 2]]
        if self._use(FaultKind.CUT_FRAME, symbol, kind):
            self._cut(stream, data)
            return []
        if faults.holds(FaultKind.DUPLICATE, symbol, kind):
            return [data, data]
        if faults.holds(FaultKind.REORDER, symbol, kind):
            earlier = self._neighbours.pop(stream, None)
            if earlier is None:
                self._neighbours[stream] = data
                return []
            return [data, earlier]
        earlier = self._neighbours.pop(stream, None)  # left over when the fault ended
        return [data] if earlier is None else [earlier, data]

    def _use(self, kind: FaultKind, symbol: str, stream: str) -> bool:
        fault = self._faults.holds(kind, symbol, stream)
        if fault is None:
            return False
        fault.count -= 1
        if fault.count <= 0:
            self._faults.end(fault)
        return True

    def _deliver(self, stream: str, data: bytes) -> None:
        plain = combined = b""
        for session in self.asked.get(stream, ()):
            if session.combined:
                combined = combined or encode(
                    b'{"stream":"%b","data":%b}' % (stream.encode(), data)
                )
                session.put(combined)
            else:
                plain = plain or encode(data)
                session.put(plain)

    def _scatter(self, stream: str) -> None:
        for session in self.asked.get(stream, ()):
            session.put(_GARBAGE[self._garbage % len(_GARBAGE)])
        self._garbage += 1

    def _cut(self, stream: str, data: bytes) -> None:
        for session in self.asked.get(stream, ()):
            frame = encode(data)
            session.end_with(frame[: len(frame) // 2])
