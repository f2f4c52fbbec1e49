"""The frames of one recording in memory, read as far as they are needed.

Read by the player. A reel knows what of a market it shows: its symbol, its steps of price and
size, the snapshot that its diffs continue.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from market.events import SCALE, DepthSnapshot
from market.fake_exchange.frames import Frame, Kind, parse
from market.feeds import FeedError
from market.feeds.replay import recording_files
from market.feeds.wire import parse_frame

LOOKED_THROUGH = 5_000
"""Frames within which a recording must hold the snapshot that its diffs continue."""

_CLOCK_SAMPLES = 200


class Reel:
    """One recording. unreadable: lines that were skipped, as far as it was read."""

    def __init__(self, path: Path) -> None:
        files = recording_files(path)
        if not files or files[0].suffix != ".gz":
            raise FeedError(f"{path}: no recorded frames: neither a .gz file nor a folder of them")
        self.path = path
        self.unreadable = 0
        self._frames: list[Frame] = []
        self._lines = self._read(files)
        self.symbol, self.snapshot = self._beginning()
        self.start_ns = self._frames[0].recv_ns
        self.tick = _step(price for price, _ in self.snapshot.bids + self.snapshot.asks)
        self.lot = _step(size for _, size in self.snapshot.bids + self.snapshot.asks)
        self.first_trade_id: int | None = next(
            (frame.last_id for frame in self._frames if frame.kind is Kind.TRADE), None
        )
        # Its receiving clock ran behind or before the exchange's by this much.
        self.clock_ahead_ms = max(
            frame.event_ms - frame.recv_ns / 1e6
            for frame in [each for each in self._frames if each.event_ms][:_CLOCK_SAMPLES]
        )

    @property
    def opening_price(self) -> float:
        """Return the mid of the book with which it begins."""
        (bid, _), (ask, _) = max(self.snapshot.bids), min(self.snapshot.asks)
        return (bid + ask) / 2 / SCALE

    def frame(self, position: int) -> Frame | None:
        """Return a frame; None beyond the end of the recording."""
        while len(self._frames) <= position:
            if not self._more():
                return None
        return self._frames[position]

    def _more(self) -> bool:
        for line in self._lines:
            frame = parse(line)
            if frame is not None:
                self._frames.append(frame)
                return True
            self.unreadable += 1
        return False

    def _read(self, files: list[Path]) -> Iterator[bytes]:
        for file in files:
            try:
                with gzip.open(file, "rb") as stream:
                    yield from stream
            except (EOFError, zlib.error, gzip.BadGzipFile):
                self.unreadable += 1
            except OSError as error:
                raise FeedError(f"{file}: cannot be read: {error}") from error

    def _beginning(self) -> tuple[str, DepthSnapshot]:
        symbol = ""
        snapshot: DepthSnapshot | None = None
        position = stamped = 0
        while snapshot is None or not symbol or stamped < _CLOCK_SAMPLES:
            frame = self.frame(position)
            if frame is None or position > LOOKED_THROUGH:
                break
            symbol = symbol or frame.symbol.decode()
            if frame.kind is Kind.SNAPSHOT and snapshot is None:
                event = parse_frame(frame.line, symbol)
                snapshot = event if isinstance(event, DepthSnapshot) else None
            stamped += frame.event_ms > 0
            position += 1
        if snapshot is None or not symbol or not stamped:
            raise FeedError(
                f"{self.path}: cannot be served: its first {LOOKED_THROUGH} frames hold no depth "
                "snapshot with spot frames (depth@100ms, bookTicker, trade) around it"
            )
        snapshot.symbol = symbol
        return symbol, snapshot


def _step(values: Iterator[int]) -> int:
    """Return the largest power of ten, in 1e-8, that divides all values."""
    step = SCALE
    for value in values:
        while value % step:
            step //= 10
    return step
