"""Turns what the taps hear into events: trades at once, tops as they change, books once a cell.

Belongs to one connection to an exchange that ccxt keeps the books of.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from market.events import SCALE, BookTicker, DepthSnapshot, Trade
from market.feeds.grid import cell_end_ms
from market.feeds.live.link import Sink, Stream
from market.feeds.live.taps import BookTap, CandleTap

BEFORE_CUT_SECONDS = 0.005
"""Books are told so long before their cell ends."""

TOLD_AGAIN_SECONDS = 1.0
"""A whole book is told twice: whoever listens may have begun to just after it came."""

SEEN_TRADES = 2_000
"""Newest trades whose ids are kept, by symbol, as a new subscription may tell some again."""


class Numbers:
    """Our own numbers where an exchange's are not consecutive; they go on over connections."""

    def __init__(self) -> None:
        self._books: Counter[str] = Counter()
        self._trades: Counter[str] = Counter()
        self._seen: dict[str, dict[str, None]] = {}

    def next_book(self, symbol: str) -> int:
        self._books[symbol] += 1
        return self._books[symbol]

    def book(self, symbol: str) -> int:
        return self._books[symbol]

    def next_trade(self, symbol: str, told_id: str | None) -> int | None:
        """Return the number of a trade; None where it was told before."""
        if told_id is not None:
            seen = self._seen.setdefault(symbol, {})
            if told_id in seen:
                return None
            seen[told_id] = None
            if len(seen) > SEEN_TRADES:
                del seen[next(iter(seen))]
        self._trades[symbol] += 1
        return self._trades[symbol]


class Teller:
    """books: by ccxt's name of the market. on_crossed: told of one whose book cannot be right."""

    def __init__(
        self,
        sink: Sink,
        numbers: Numbers,
        now_ns: Callable[[], int],
        on_crossed: Callable[[str], None],
    ) -> None:
        self.books: dict[str, BookTap] = {}
        self._sink = sink
        self._numbers = numbers
        self._now_ns = now_ns
        self._on_crossed = on_crossed
        self._candles = CandleTap()
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.TimerHandle | None = None
        self._closed = False

    def close(self) -> None:
        self._closed = True
        if self._next is not None:
            self._next.cancel()

    def trade(self, symbol: str, told: dict[str, Any], recv_ns: int, *, by_makers: bool) -> None:
        """Tell a trade of ccxt's; by_makers: its side is that of the order in the book."""
        number = self._numbers.next_trade(symbol, told["id"])
        if number is None:
            return
        price, size = round(told["price"] * SCALE), round(told["amount"] * SCALE)
        buyer_initiated = (told["side"] == "buy") is not by_makers
        trade = Trade(symbol, recv_ns, told["timestamp"], number, price, size, buyer_initiated)
        self._sink.event(trade, Stream.TRADES)

    def book(self, tap: BookTap, book: Any, recv_ns: int) -> None:
        """Tell the top of a book that changed now, and the rest of it before the cell ends."""
        tap.book, tap.changed, tap.heard_ns = book, True, recv_ns
        top = tap.top()
        if top is not None:
            number = self._numbers.next_book(tap.symbol)
            ticker = BookTicker(tap.symbol, recv_ns, book["timestamp"], number, *top)
            self._sink.event(ticker, Stream.TOP)
        self._tell_later()

    def whole(self, tap: BookTap) -> None:
        """Take note that a book's whole comes now."""
        tap.whole = True
        self._loop.call_later(TOLD_AGAIN_SECONDS, self._tell_again, tap)

    def lose(self, tap: BookTap, recv_ns: int) -> None:
        """Say that nothing is known of a book now, not its top either."""
        tap.lose()
        number = self._numbers.next_book(tap.symbol)
        nothing = DepthSnapshot(tap.symbol, recv_ns, None, number, [], [])
        self._sink.event(nothing, Stream.DEPTH)

    def candle(self, symbol: str, timeframe: str, row: Sequence[Any], recv_ns: int) -> None:
        """Take the newest candle; tell the one before where that has closed."""
        try:
            closed = self._candles.take(symbol, timeframe, row, recv_ns)
        except ValueError:
            self._sink.fault("candle_off_grid", symbol)
            return
        if closed is not None:
            self._sink.candle(closed)

    def _tell_again(self, tap: BookTap) -> None:
        tap.changed = tap.book is not None
        self._tell_later()

    def _tell_later(self) -> None:
        if self._next is not None or self._closed:
            return
        now_ns = self._now_ns()
        seconds = cell_end_ms(now_ns) / 1e3 - now_ns / 1e9 - BEFORE_CUT_SECONDS
        self._next = self._loop.call_later(max(0.0, seconds), self._tell_books)

    def _tell_books(self) -> None:
        self._next = None
        for market, tap in self.books.items():
            if not tap.changed:
                continue
            tap.changed = False
            if tap.crossed():
                self._on_crossed(market)
                continue
            number = self._numbers.book(tap.symbol)
            self._sink.event(tap.snapshot(self._now_ns(), number), Stream.DEPTH)
