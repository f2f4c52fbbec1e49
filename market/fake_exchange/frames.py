"""One recorded frame, cut where times, ids and names stand, so that it is cheap to say again.

Read by the reel, which loads them, and the player, which serves them. Binance writes the fields
of a frame in a fixed order; a frame whose order differs is not understood. Also how Binance writes
numbers, for whoever makes what was not recorded.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from market.events import SCALE

_DEPTH = re.compile(
    rb'\{"stream":"\w+@depth@100ms","data":\{"e":"depthUpdate","E":(\d+),"s":"(\w+)",'
    rb'"U":(\d+),"u":(\d+),(.*)\}\s*'
)
_TICKER = re.compile(rb'\{"stream":"\w+@bookTicker","data":\{"u":(\d+),"s":"(\w+)",(.*)\}\s*')
_TRADE = re.compile(
    rb'\{"stream":"\w+@trade","data":\{"e":"trade","E":(\d+),"s":"(\w+)","t":(\d+),'
    rb'("p":"([\d.]+)","q":"([\d.]+)",)"T":(\d+),("m":(\w+).*)\}\s*'
)
_SNAPSHOT = re.compile(rb'\{"lastUpdateId":')


class Kind(StrEnum):
    """What a frame tells, by the name of its stream after the symbol."""

    DEPTH = "depth@100ms"
    TICKER = "bookTicker"
    TRADE = "trade"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it was recorded. line: the recorded line, where its book must be rebuilt.

    event_ms, trade_ms: the exchange's times, 0 where there are none. first_id: `U`; last_id: `u`
    or the trade's id. head, tail: the rest of its fields, before and after trade_ms.
    """

    kind: Kind
    symbol: bytes
    recv_ns: int
    event_ms: int = 0
    trade_ms: int = 0
    first_id: int = 0
    last_id: int = 0
    head: bytes = b""
    tail: bytes = b""
    price: str = ""
    size: str = ""
    buyer_is_maker: bool = False
    line: bytes = b""


def parse(line: bytes) -> Frame | None:
    """Cut one recorded line `RECEIVE_TIME JSON`; None where it is not understood."""
    stamp, _, payload = line.partition(b" ")
    if not stamp.isdigit():
        return None
    recv_ns = int(stamp)
    if recv_ns < 10**17:
        recv_ns *= 1_000  # some recordings are in µs
    if found := _TICKER.fullmatch(payload):
        last, symbol, tail = found.groups()
        return Frame(Kind.TICKER, symbol, recv_ns, last_id=int(last), tail=tail)
    if found := _TRADE.fullmatch(payload):
        event, symbol, number, head, price, size, traded, tail, maker = found.groups()
        return Frame(
            Kind.TRADE,
            symbol,
            recv_ns,
            event_ms=int(event),
            trade_ms=int(traded),
            last_id=int(number),
            head=head,
            tail=tail,
            price=price.decode(),
            size=size.decode(),
            buyer_is_maker=maker == b"true",
        )
    if found := _DEPTH.fullmatch(payload):
        event, symbol, first, last, tail = found.groups()
        return Frame(
            Kind.DEPTH,
            symbol,
            recv_ns,
            event_ms=int(event),
            first_id=int(first),
            last_id=int(last),
            tail=tail,
            line=line,
        )
    if _SNAPSHOT.match(payload):
        return Frame(Kind.SNAPSHOT, b"", recv_ns, line=line)
    return None


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a frame says when it is served: the exchange's times, and ids moved by a constant."""

    event_ms: int
    trade_ms: int
    first_id: int
    last_id: int


def render(frame: Frame, symbol: bytes, stamp: Stamp) -> bytes:
    """Return the frame's data object as it goes out for `symbol`."""
    if frame.kind is Kind.TICKER:
        return b'{"u":%d,"s":"%b",%b' % (stamp.last_id, symbol, frame.tail)
    if frame.kind is Kind.TRADE:
        return b'{"e":"trade","E":%d,"s":"%b","t":%d,%b"T":%d,%b' % (
            stamp.event_ms,
            symbol,
            stamp.last_id,
            frame.head,
            stamp.trade_ms,
            frame.tail,
        )
    return b'{"e":"depthUpdate","E":%d,"s":"%b","U":%d,"u":%d,%b' % (
        stamp.event_ms,
        symbol,
        stamp.first_id,
        stamp.last_id,
        frame.tail,
    )


def level_text(price: int, size: int) -> bytes:
    """Return a level as Binance writes it: `["61737.63000000","0.00000000"]`."""
    return b'["%b","%b"]' % (decimal_text(price), decimal_text(size))


def decimal_text(units: int) -> bytes:
    """Return 1e-8 units as Binance writes numbers, with eight decimals."""
    return b"%d.%08d" % divmod(units, SCALE)
