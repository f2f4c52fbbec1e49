"""Plays one reel for all symbols that it stands for, and keeps the book that is true for them.

Driven by the exchange, which decides when. At the end it goes on from the beginning: ids continue
upward, and a diff of its own takes the book from the last state to the first.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from market.events import DepthDiff, DepthSnapshot, Level
from market.fake_exchange.frames import Frame, Kind, Stamp, level_text, parse
from market.fake_exchange.reel import Reel
from market.feeds.wire import parse_frame
from market.hot.book import OrderBook

PAUSE_NS = 100_000_000
"""Between the last frame and the first one of the next round."""


@dataclass(frozen=True, slots=True)
class Served:
    """A frame with what it says now."""

    frame: Frame
    stamp: Stamp


class Player:
    """A place in a reel. symbols: under which names it is served.

    origin_ns: which recorded time counts as 0; players whose recordings belong together share it.
    """

    def __init__(self, reel: Reel, symbols: tuple[str, ...], *, loop: bool) -> None:
        self.reel = reel
        self.symbols = symbols
        self.origin_ns = reel.start_ns
        self.rounds = 0
        self._loop = loop
        self._position = 0
        self._moved_ns = 0  # what the rounds played so far add to recorded times
        self._moved_ids = self._moved_trades = 0
        self._last_trade = self._newest_id = 0
        self._joins: list[Frame] = []
        self.book = OrderBook()
        self.book.apply_snapshot(reel.snapshot)

    @property
    def moved_ms(self) -> int:
        """What the rounds played so far add to recorded times."""
        return self._moved_ns // 1_000_000

    def peek(self) -> Frame | None:
        """Return the frame that comes next, snapshots passed over; None at the end."""
        while True:
            if self._joins:
                return self._joins[0]
            frame = self.reel.frame(self._position)
            if frame is None:
                if not self._loop or not self._position:
                    return None
                self._begin_again()
            elif frame.kind is Kind.SNAPSHOT or self._before_the_snapshot(frame):
                self._position += 1
            else:
                return frame

    def due_ns(self) -> int | None:
        """Return when the next frame is due, from the origin; None at the end."""
        frame = self.peek()
        return None if frame is None else frame.recv_ns + self._moved_ns - self.origin_ns

    def take(self) -> Served:
        """Move past the next frame and take it into the book. Raises IndexError at the end."""
        frame = self.peek()
        if frame is None:
            raise IndexError("the recording is over")
        joining = bool(self._joins)
        if joining:
            self._joins.pop(0)
        else:
            self._position += 1
        moved = self._moved_trades if frame.kind is Kind.TRADE else self._moved_ids
        stamp = Stamp(frame.event_ms, frame.trade_ms, frame.first_id + moved, frame.last_id + moved)
        if frame.kind is Kind.TRADE:
            self._last_trade = stamp.last_id
        elif frame.kind is Kind.TICKER:
            self._newest_id = stamp.last_id
        else:
            stamp = self._apply(frame, stamp, joining=joining)
        return Served(frame, stamp)

    def recorded_ns(self) -> int:
        """Return the recorded receive time of the frame that comes next, rounds added up."""
        due = self.due_ns()
        return self.origin_ns + (0 if due is None else due)

    def snapshot(self, symbol: str) -> DepthSnapshot:
        """Return the whole book as of the frames taken, best levels first."""
        book = self.book
        bids = [(price, book.bids.sizes[price]) for price in reversed(book.bids.prices)]
        asks = [(price, book.asks.sizes[price]) for price in book.asks.prices]
        return DepthSnapshot(symbol, self.recorded_ns(), None, book.last_id, bids, asks)

    def _apply(self, frame: Frame, stamp: Stamp, *, joining: bool) -> Stamp:
        if joining or (self.rounds and stamp.first_id <= self.book.last_id < stamp.last_id):
            # A join, and the diff that straddles the snapshot after it: clients ask for an
            # unbroken sequence.
            stamp = replace(stamp, first_id=self.book.last_id + 1)
        diff = parse_frame(frame.line, "")
        if isinstance(diff, DepthDiff):
            diff.first_id, diff.last_id = stamp.first_id, stamp.last_id
            self.book.apply_diff(diff)
        return stamp

    def _before_the_snapshot(self, frame: Frame) -> bool:
        # Of a later round only; in the first one everything is served as it was recorded.
        return (
            self.rounds > 0
            and frame.kind is not Kind.TRADE
            and frame.last_id <= self.reel.snapshot.last_id
        )

    def _begin_again(self) -> None:
        last = self.reel.frame(self._position - 1)
        first = self.reel.frame(0)
        if last is None or first is None:
            return
        self.rounds += 1
        self._position = 0
        self._moved_ns += last.recv_ns - first.recv_ns + PAUSE_NS
        newest_id = max(self.book.last_id, self._newest_id)
        self._moved_ids = newest_id + 1 - self.reel.snapshot.last_id
        if self.reel.first_trade_id is not None:
            self._moved_trades = self._last_trade + 1 - self.reel.first_trade_id
        self._joins = [self._join(first)]

    def _join(self, first: Frame) -> Frame:
        snapshot = self.reel.snapshot
        bids = b",".join(_changes(self.book.bids.sizes, snapshot.bids))
        asks = b",".join(_changes(self.book.asks.sizes, snapshot.asks))
        event_ms = round(first.recv_ns / 1e6 + self.reel.clock_ahead_ms)
        line = (
            b'%d {"stream":"x@depth@100ms","data":{"e":"depthUpdate","E":%d,"s":"%b",'
            b'"U":%d,"u":%d,"b":[%b],"a":[%b]}}'
            % (
                first.recv_ns,
                event_ms,
                self.reel.symbol.encode(),
                snapshot.last_id,
                snapshot.last_id,
                bids,
                asks,
            )
        )
        frame = parse(line)
        if frame is None:
            raise ValueError("the frame that joins the rounds is not one")
        return frame


def _changes(old: dict[int, int], new: list[Level]) -> Iterator[bytes]:
    kept = dict(new)
    for price in old:
        if price not in kept:
            yield level_text(price, 0)
    for price, size in kept.items():
        if old.get(price) != size:
            yield level_text(price, size)
