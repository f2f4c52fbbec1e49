"""The spool: what was seen in the hour that runs, appended each second, safe against a crash.

A spool is a row of frames, each with its length and checksum; the first says which segment it
belongs to. A process that dies within a write leaves a torn last frame, which is dropped and
told. Written by the recorder, read by sealing (which turns it into Parquet) and by readers.
"""

import fcntl
import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from market.events import AnyEvent, DepthSnapshot
from market.hot.features import FeatureRow

FORMAT = 1
_FRAME = struct.Struct("<II")


class OddEvent(msgspec.Struct, tag=True, array_like=True, gc=False):
    """An event with an integer of more than 64 bits, as JSON: [kind, fields…]."""

    text: str


class Cell(msgspec.Struct, array_like=True):
    """One 100-ms cell of one symbol.

    events: received, in order. answer: a snapshot that was asked for at its end. row: what was
    written to `feat:`. anchor: the state at its end, as events. A cell with nothing in it says
    that the recording reached so far.
    """

    until_ms: int
    events: Sequence[AnyEvent | OddEvent]
    answer: DepthSnapshot | OddEvent | None = None
    row: FeatureRow | None = None
    anchor: Sequence[AnyEvent | OddEvent] = ()


class Header(msgspec.Struct, array_like=True):
    """A spool's first frame. fresh: the segment begins with a process, all windows empty."""

    format: int
    segment: int
    fresh: bool


class SpoolError(Exception):
    """A spool has no readable header, or is of another format. It is left as it is."""


_encode = msgspec.msgpack.Encoder().encode
_decode_header = msgspec.msgpack.Decoder(Header).decode
_decode_cells = msgspec.msgpack.Decoder(list[Cell]).decode


class SpoolWriter:
    """Appends to one spool, and holds it: whoever seals sees that it is written to."""

    def __init__(self, path: Path, *, segment: int, fresh: bool) -> None:
        """Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file: BinaryIO = path.open("ab", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            if self._file.tell() == 0:
                self._append(_encode(Header(FORMAT, segment, fresh)))
        except BaseException:
            self._file.close()
            raise

    def write(self, cells: list[Cell]) -> int:
        """Append cells as one frame; return its bytes. Raises OSError."""
        try:
            payload = _encode(cells)
        except OverflowError:
            payload = _encode([_with_odd_events(cell) for cell in cells])
        return self._append(payload)

    def close(self) -> None:
        self._file.close()

    def _append(self, payload: bytes) -> int:
        frame = memoryview(_FRAME.pack(len(payload), zlib.crc32(payload)) + payload)
        written = self._file.write(frame) or 0
        while written < len(frame):  # a nearly full disk takes a part
            written += self._file.write(frame[written:]) or 0
        return written


class SpoolReader:
    """Reads a spool as far as it is whole. torn: once read, bytes that are no whole frame."""

    def __init__(self, path: Path) -> None:
        """Raises SpoolError, OSError."""
        self._content = memoryview(path.read_bytes())
        self.torn = 0
        self._at = 0
        first = self._frame()
        if first is None:
            raise SpoolError(f"{path}: no spool of this version: its first frame cannot be read")
        self.header = _read_header(first, path)

    def frames(self) -> Iterator[list[Cell]]:
        """Yield the cells of each frame: about a second's."""
        while (payload := self._frame()) is not None:
            yield _decode_cells(payload)
        self.torn = len(self._content) - self._at

    def _frame(self) -> memoryview | None:
        at, content = self._at, self._content
        if at + _FRAME.size > len(content):
            return None
        length, checksum = _FRAME.unpack_from(content, at)
        payload = content[at + _FRAME.size : at + _FRAME.size + length]
        if len(payload) < length or zlib.crc32(payload) != checksum:
            return None
        self._at = at + _FRAME.size + length
        return payload


def is_held(path: Path) -> bool:
    """Return whether a recorder writes to a spool now."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def to_text(event: AnyEvent) -> str:
    """Return an event as JSON, its integers as long as they are."""
    return json.dumps([type(event).__name__, *msgspec.structs.astuple(event)])


def event_of(event: AnyEvent | OddEvent) -> AnyEvent:
    """Return the event itself, where it was kept as text."""
    return from_text(event.text) if isinstance(event, OddEvent) else event


def from_text(text: str) -> AnyEvent:
    """Read an event's JSON. Raises ValueError where it is none."""
    kind, *fields = json.loads(text)
    for event_type in AnyEvent.__args__:
        if event_type.__name__ == kind:
            levels = [
                [(price, size) for price, size in field] if isinstance(field, list) else field
                for field in fields
            ]
            event: AnyEvent = event_type(*levels)
            return event
    raise ValueError(f"{kind!r} is no kind of event")


def _read_header(payload: memoryview, path: Path) -> Header:
    try:
        header = _decode_header(payload)
    except msgspec.DecodeError as error:
        raise SpoolError(f"{path}: no spool: {error}") from error
    if header.format != FORMAT:
        raise SpoolError(f"{path}: spool format {header.format}; {FORMAT} is allowed")
    return header


def _with_odd_events(cell: Cell) -> Cell:
    def readable(event: AnyEvent | OddEvent) -> AnyEvent | OddEvent:
        try:
            _encode(event)
        except OverflowError:
            return OddEvent(to_text(event))  # type: ignore[arg-type]  # text is never too long
        return event

    return Cell(
        cell.until_ms,
        [readable(event) for event in cell.events],
        None if cell.answer is None else readable(cell.answer),  # type: ignore[arg-type]
        cell.row,
        [readable(event) for event in cell.anchor],
    )
