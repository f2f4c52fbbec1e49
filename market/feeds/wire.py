"""Binance's wire format as events: frames of a socket, recorded lines, answers of REST.

A frame becomes the same event whether it was recorded or has just arrived. Streams are depth
diffs, book tickers, trades and candles (spot and USD-M), each frame alone (`/ws`) or named after
its stream (`/stream`). Read by replays and by the live link.
"""

from typing import Any, NamedTuple

import msgspec

from market.events import (
    SCALE,
    AnyEvent,
    BookTicker,
    CandleClosed,
    DepthDiff,
    DepthSnapshot,
    Level,
    Trade,
)

Pair = tuple[float, float]


class NewestTrade(NamedTuple):
    """What the candle that is open says of trades; -1 where there were none in it."""

    symbol: str
    trade_id: int


class FrameError(ValueError):
    """A line or a frame is none that we know. The feed counts it and goes on."""


class _Ticker(msgspec.Struct):
    u: int
    s: str
    b: float
    B: float
    a: float
    A: float
    E: int | None = None

    def event(self, recv_ns: int) -> BookTicker:
        if not (self.b > 0 and self.a > 0 and self.B >= 0 and self.A >= 0):
            raise FrameError("a price is not positive or a size is negative")
        return BookTicker(
            self.s,
            recv_ns,
            self.E,
            self.u,
            round(self.b * SCALE),
            round(self.B * SCALE),
            round(self.a * SCALE),
            round(self.A * SCALE),
        )


class _Trade(msgspec.Struct):
    s: str
    t: int
    p: float
    q: float
    m: bool
    E: int

    def event(self, recv_ns: int) -> Trade:
        if not (self.p > 0 and self.q > 0):
            raise FrameError("a trade's price or size is not positive")
        return Trade(
            self.s,
            recv_ns,
            self.E,
            self.t,
            round(self.p * SCALE),
            round(self.q * SCALE),
            not self.m,  # `m`: the buyer was the maker, so the seller took
        )


class _Diff(msgspec.Struct):
    s: str
    E: int
    U: int
    u: int
    b: list[Pair]
    a: list[Pair]
    pu: int | None = None

    def event(self, recv_ns: int) -> DepthDiff:
        return DepthDiff(
            self.s, recv_ns, self.E, self.U, self.u, self.pu, _levels(self.b), _levels(self.a)
        )


class _Bar(msgspec.Struct):
    t: int
    i: str
    o: float
    h: float
    l: float  # noqa: E741  # the exchange's name of it
    c: float
    v: float
    x: bool
    L: int = -1


class _Kline(msgspec.Struct):
    s: str
    E: int
    k: _Bar

    def event(self, recv_ns: int) -> CandleClosed | NewestTrade:
        bar = self.k
        if not bar.x:
            return NewestTrade(self.s, bar.L)
        if not (bar.l > 0 and bar.v >= 0):
            raise FrameError("a candle's price is not positive or its volume is negative")
        return CandleClosed(
            self.s, recv_ns, self.E, bar.i, bar.t, bar.o, bar.h, bar.l, bar.c, bar.v
        )


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


class _KlineFrame(msgspec.Struct):
    data: _Kline


_Data = _Ticker | _Trade | _Diff | _Kline

# Binance writes numbers as strings; strict=False reads them as floats within the C decoder.
_decode_ticker = msgspec.json.Decoder(_TickerFrame, strict=False).decode
_decode_trade = msgspec.json.Decoder(_TradeFrame, strict=False).decode
_decode_diff = msgspec.json.Decoder(_DiffFrame, strict=False).decode
_decode_kline = msgspec.json.Decoder(_KlineFrame, strict=False).decode
_decode_bare_ticker = msgspec.json.Decoder(_Ticker, strict=False).decode
_decode_bare_trade = msgspec.json.Decoder(_Trade, strict=False).decode
_decode_bare_diff = msgspec.json.Decoder(_Diff, strict=False).decode
_decode_bare_kline = msgspec.json.Decoder(_Kline, strict=False).decode
_decode_snapshot = msgspec.json.Decoder(_Snapshot, strict=False).decode

_BOOK_TICKER, _TRADE, _DEPTH = ord("b"), ord("t"), ord("d")

_NOT_A_FRAME = "not a depth, bookTicker, trade or kline frame"


def decode_frame(line: bytes) -> tuple[int, msgspec.Struct]:
    """Return a recorded line's receive time (ns) and its decoded JSON, prices still floats.

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
        if isinstance(data, (_Ticker, _Trade, _Diff)):
            return data.event(recv_ns)
        if isinstance(data, _Snapshot):
            return _snapshot(data, recv_ns, symbol)
    except (ValueError, OverflowError) as error:
        raise FrameError(str(error)) from error
    raise FrameError("not a frame of this exchange")


def parse_message(text: str, recv_ns: int) -> AnyEvent | CandleClosed | NewestTrade:
    """Turn a frame that just arrived into an event, or what a candle tells that is still open.

    Raises FrameError for a frame of these streams that is not to be understood.
    """
    try:
        return _decode_message(text).event(recv_ns)
    except (ValueError, OverflowError) as error:
        raise FrameError(str(error)) from error


def is_market_data(text: str) -> bool:
    """Tell whether a frame is of a stream that is read here; the rest is the connection's own."""
    return text.startswith(('{"e":"', '{"u":', '{"stream":"'))


def _decode_message(text: str) -> _Data:
    # The first bytes tell all that is sent apart, so that every frame is decoded once.
    if text.startswith('{"u":'):
        return _decode_bare_ticker(text)
    if text.startswith('{"e":"'):
        kind = text[6:10]
        if kind == "dept":
            return _decode_bare_diff(text)
        if kind == "trad":
            return _decode_bare_trade(text)
        if kind == "klin":
            return _decode_bare_kline(text)
        if kind == "book":
            return _decode_bare_ticker(text)
        raise FrameError(_NOT_A_FRAME)
    at = text.find("@", 0, 64) + 1
    kind = text[at : at + 4] if at else ""
    if kind == "dept":
        return _decode_diff(text).data
    if kind == "book":
        return _decode_ticker(text).data
    if kind == "trad":
        return _decode_trade(text).data
    if kind == "klin":
        return _decode_kline(text).data
    raise FrameError(_NOT_A_FRAME)


def snapshot_of(answer: dict[str, Any], symbol: str, recv_ns: int) -> DepthSnapshot:
    """Turn the exchange's answer about its book, as JSON gives it, into an event.

    Raises FrameError where it is none.
    """
    try:
        return _snapshot(msgspec.convert(answer, _Snapshot, strict=False), recv_ns, symbol)
    except (ValueError, OverflowError) as error:
        raise FrameError(str(error)) from error


def _snapshot(data: _Snapshot, recv_ns: int, symbol: str) -> DepthSnapshot:
    return DepthSnapshot(
        symbol, recv_ns, data.E, data.lastUpdateId, _levels(data.bids), _levels(data.asks)
    )


def _levels(pairs: list[Pair]) -> list[Level]:
    levels = [(round(price * SCALE), round(size * SCALE)) for price, size in pairs]
    if levels and (min(levels)[0] <= 0 or min(size for _, size in levels) < 0):
        raise FrameError("a level's price is not positive or its size is negative")
    return levels
