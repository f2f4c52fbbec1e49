"""Recordings as a feed: what this server recorded, or exchange frames in gzip files of
`RECEIVE_TIME JSON` lines.

Frames are as `market.feeds.wire` reads them; RECEIVE_TIME is in ns or µs. A line that cannot be
understood is counted and skipped; a truncated file gives what it holds.
"""

import gzip
import heapq
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path

from market.candles.timeframes import Timeframe
from market.events import AnyEvent, DepthSnapshot, Disconnected, Heartbeat
from market.feeds import Batch, FeedError
from market.feeds.grid import cell_end_ms
from market.feeds.recorded import RecordedSource
from market.feeds.wire import FrameError, parse_frame
from market.hot.vector import CELL_MS
from market.recording.reading import open_recording

PREROLL_MS = 360_000
HEARTBEAT_NS = 1_000_000_000
LONGEST_SILENCE_NS = 60_000_000_000
"""Longer than this nothing arrived: the recorder's connection is taken as broken."""

MAX_LINE_BYTES = 16 * 1024 * 1024


class Recording:
    """The files of one market, in the order of their names."""

    def __init__(self, path: Path, faults: Counter[str]) -> None:
        self.path = path
        self._faults = faults
        self.files = recording_files(path)
        if not self.files:
            raise FeedError(
                f"{path}: no recording: neither a .gz file, nor a folder of them, nor one symbol's "
                "folder of VAR_DIR/recordings, nor an hour's file in its events"
            )
        self.symbol = self._first_symbol()

    def events(self) -> Iterator[AnyEvent]:
        """Yield events with recv_ns never going back, heartbeats within silences."""
        last_ns = 0
        for line in self._lines():
            try:
                event = parse_frame(line, self.symbol)
            except FrameError:
                self._faults["malformed"] += 1
                continue
            if event.recv_ns < last_ns:
                self._faults["out_of_order"] += 1
                event.recv_ns = last_ns
            silence = event.recv_ns - last_ns
            if last_ns and silence > HEARTBEAT_NS:
                yield from self._bridge(last_ns, event.recv_ns)
            last_ns = event.recv_ns
            yield event

    def _bridge(self, last_ns: int, next_ns: int) -> Iterator[AnyEvent]:
        # Pongs are not recorded. A connection that lost nothing across a short silence was
        # alive in it, and a live feed would have had the pongs to know.
        if next_ns - last_ns > LONGEST_SILENCE_NS:
            self._faults["silence"] += 1
            yield Disconnected(self.symbol, next_ns, None)
            return
        for at in range(last_ns + HEARTBEAT_NS, next_ns, HEARTBEAT_NS):
            yield Heartbeat(self.symbol, at, None)

    def _lines(self) -> Iterator[bytes]:
        for file in self.files:
            try:
                with gzip.open(file, "rb") as stream:
                    while line := stream.readline(MAX_LINE_BYTES):
                        yield line
            except (EOFError, zlib.error, gzip.BadGzipFile):
                self._faults["truncated_file"] += 1
            except OSError as error:
                raise FeedError(f"{file}: cannot be read: {error}") from error

    def _first_symbol(self) -> str:
        for line in self._lines():
            try:
                event = parse_frame(line, "")
            except FrameError:
                continue
            if event.symbol:
                return event.symbol
        raise FeedError(f"{self.path}: holds no frame that names its symbol")


def recording_files(path: Path) -> list[Path]:
    """Return the files that a recording consists of, in the order in which they are played."""
    recorded = open_recording(path)
    if recorded is not None:
        return recorded.files()
    return [path] if path.is_file() else sorted(path.glob("*.gz"))


def _source(path: Path, faults: Counter[str]) -> "Recording | RecordedSource":
    recorded = open_recording(path)
    return Recording(path, faults) if recorded is None else RecordedSource(recorded, faults)


def _name(path: Path) -> str:
    if path.suffix == ".parquet":
        return f"{path.parents[1].name}-{path.stem}"  # BTCUSDT-2026-01-01T00
    return path.name.removesuffix(".gz")


class ReplayFeed:
    """One or several recordings as a feed, merged by receive time."""

    def __init__(self, paths: Sequence[Path], preroll_ms: int = PREROLL_MS) -> None:
        self.faults: Counter[str] = Counter()
        self._recordings = [_source(path, self.faults) for path in paths]
        self._until_ms = 0
        self.faults.clear()  # what looking for the symbol counted is counted when played
        self.symbols = tuple(dict.fromkeys(recording.symbol for recording in self._recordings))
        self.name = "replay/" + "+".join(_name(path) for path in paths)
        self.preroll_ms = preroll_ms
        self.anchored_in_stream = frozenset(
            each.symbol
            for each in self._recordings
            if isinstance(each, RecordedSource) and each.anchored_in_stream
        )

    def batches(self) -> Iterator[Batch]:
        """Yield every cell from the first event to the last, empty ones included."""
        streams = [recording.events() for recording in self._recordings]
        merged = streams[0] if len(streams) == 1 else heapq.merge(*streams, key=_RECV_NS)
        pending: list[AnyEvent] = []
        until_ms = until_ns = 0
        for event in merged:
            if event.recv_ns > until_ns:
                if until_ms:
                    yield self._batch(until_ms, pending)
                    pending = []
                    while event.recv_ns > until_ns + CELL_MS * 1_000_000:
                        until_ms += CELL_MS
                        until_ns = until_ms * 1_000_000
                        yield self._batch(until_ms, [])
                until_ms = cell_end_ms(event.recv_ns)
                until_ns = until_ms * 1_000_000
            pending.append(event)
        if pending:
            yield self._batch(until_ms, pending)

    def snapshot(self, symbol: str) -> DepthSnapshot | None:
        """Return the snapshot that was asked for when it was recorded; frames know none."""
        for recording in self._recordings:
            if recording.symbol == symbol and isinstance(recording, RecordedSource):
                return recording.answers.pop(self._until_ms, None)
        return None

    def _batch(self, until_ms: int, events: list[AnyEvent]) -> Batch:
        self._until_ms = until_ms
        return Batch(until_ms, events)

    def candles(self, symbol: str, timeframe: Timeframe, since_ms: int) -> None:
        """Recordings hold no candles."""
        return None

    def state(self) -> None:
        """There is nothing to say but its faults."""

    def close(self) -> None:
        """Files are closed as they end."""


_RECV_NS = attrgetter("recv_ns")
