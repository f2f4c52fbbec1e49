"""Recordings as a feed: what this server recorded, or exchange frames in gzip files of
`RECEIVE_TIME JSON` lines.

Frames are in Binance's raw wire format (spot and USD-M): depth diffs, book tickers, trades,
REST depth snapshots. RECEIVE_TIME is in ns or µs. A line that cannot be understood is counted and
skipped; a truncated file gives what it holds.
"""

import gzip
import heapq
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path

import msgspec

from market.candles.timeframes import Timeframe
from market.events import (
    SCALE,
    AnyEvent,
    BookTicker,
    DepthDiff,
    DepthSnapshot,
    Disconnected,
    Heartbeat,
    Level,
    Trade,
)
from market.feeds import Batch, FeedError
from market.feeds.recorded import RecordedSource
from market.hot.vector import CELL_MS, CELL_PHASE_MS
from market.recording.reading import open_recording

PREROLL_MS = 360_000
HEARTBEAT_NS = 1_000_000_000
LONGEST_SILENCE_NS = 60_000_000_000
"""Longer than this nothing arrived: the recorder's connection is taken as broken."""

MAX_LINE_BYTES = 16 * 1024 * 1024

Pair = tuple[float, float]


class _Ticker(msgspec.Struct):
    u: int
    s: str
    b: float
    B: float
    a: float
    A: float
    E: int | None = None


class _Trade(msgspec.Struct):
    s: str
    t: int
    p: float
    q: float
    m: bool
    E: int


class _Diff(msgspec.Struct):
    s: str
    E: int
    U: int
    u: int
    b: list[Pair]
    a: list[Pair]
    pu: int | None = None


class _Snapshot(msgspec.Struct):
    lastUpdateId: int
    bids: list[Pair]
    asks: list[Pair]
    E: int | None = None


class _TickerFrame(msgspec.Struct):
    data: _Ticker


class _TradeFrame(msgspec.Struct):
    data: _Trade


class _DiffFrame(msgspec.Struct):
    data: _Diff


# Binance writes numbers as strings; strict=False reads them as floats within the C decoder.
_decode_ticker = msgspec.json.Decoder(_TickerFrame, strict=False).decode
_decode_trade = msgspec.json.Decoder(_TradeFrame, strict=False).decode
_decode_diff = msgspec.json.Decoder(_DiffFrame, strict=False).decode
_decode_snapshot = msgspec.json.Decoder(_Snapshot, strict=False).decode

_BOOK_TICKER, _TRADE, _DEPTH = ord("b"), ord("t"), ord("d")


class FrameError(ValueError):
    """A line is no frame that we know. The feed counts it and goes on."""


def decode_frame(line: bytes) -> tuple[int, msgspec.Struct]:
    """Return a line's receive time (ns) and its decoded JSON, prices still floats.

    Raises FrameError for anything else than depth, bookTicker, trade or snapshot.
    """
    try:
        stamp, payload = line.split(b" ", 1)
        recv_ns = int(stamp)
        if recv_ns < 10**17:
            recv_ns *= 1_000
        at = payload.find(b"@", 0, 64)
        if at < 0:
            return recv_ns, _decode_snapshot(payload)
        kind = payload[at + 1]
        if kind == _BOOK_TICKER:
            return recv_ns, _decode_ticker(payload).data
        if kind == _TRADE:
            return recv_ns, _decode_trade(payload).data
        if kind == _DEPTH:
            return recv_ns, _decode_diff(payload).data
    except (ValueError, IndexError) as error:
        raise FrameError(str(error)) from error
    raise FrameError("not a depth, bookTicker or trade stream")


def parse_frame(line: bytes, symbol: str) -> AnyEvent:
    """Turn one recorded line into an event; `symbol` names a snapshot's, which says none.

    Raises FrameError for anything else than a valid depth, bookTicker, trade or snapshot.
    """
    recv_ns, data = decode_frame(line)
    try:
        if isinstance(data, _Ticker):
            return _ticker(data, recv_ns)
        if isinstance(data, _Trade):
            return _trade(data, recv_ns)
        if isinstance(data, _Diff):
            return _diff(data, recv_ns)
        if isinstance(data, _Snapshot):
            return _snapshot(data, recv_ns, symbol)
    except (ValueError, OverflowError) as error:
        raise FrameError(str(error)) from error
    raise FrameError("not a frame of this exchange")


def _ticker(data: _Ticker, recv_ns: int) -> BookTicker:
    if not (data.b > 0 and data.a > 0 and data.B >= 0 and data.A >= 0):
        raise FrameError("a price is not positive or a size is negative")
    return BookTicker(
        data.s,
        recv_ns,
        data.E,
        data.u,
        round(data.b * SCALE),
        round(data.B * SCALE),
        round(data.a * SCALE),
        round(data.A * SCALE),
    )


def _trade(data: _Trade, recv_ns: int) -> Trade:
    if not (data.p > 0 and data.q > 0):
        raise FrameError("a trade's price or size is not positive")
    return Trade(
        data.s,
        recv_ns,
        data.E,
        data.t,
        round(data.p * SCALE),
        round(data.q * SCALE),
        not data.m,  # `m`: the buyer was the maker, so the seller took
    )


def _diff(data: _Diff, recv_ns: int) -> DepthDiff:
    return DepthDiff(
        data.s, recv_ns, data.E, data.U, data.u, data.pu, _levels(data.b), _levels(data.a)
    )


def _snapshot(data: _Snapshot, recv_ns: int, symbol: str) -> DepthSnapshot:
    return DepthSnapshot(
        symbol, recv_ns, data.E, data.lastUpdateId, _levels(data.bids), _levels(data.asks)
    )


def _levels(pairs: list[Pair]) -> list[Level]:
    levels = [(round(price * SCALE), round(size * SCALE)) for price, size in pairs]
    if levels and (min(levels)[0] <= 0 or min(size for _, size in levels) < 0):
        raise FrameError("a level's price is not positive or its size is negative")
    return levels


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


_RECV_NS = attrgetter("recv_ns")


def cell_end_ms(recv_ns: int) -> int:
    """Return the end of the cell that an event of this receive time belongs to."""
    past_phase = -(-recv_ns // 1_000_000) - CELL_PHASE_MS
    return -(-past_phase // CELL_MS) * CELL_MS + CELL_PHASE_MS
