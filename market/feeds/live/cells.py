"""Cuts what is heard into cells and keeps them for the pump, whose memory of them is bounded.

The loop's thread alone adds and cuts; the pump's takes. Time passes by `pass_to`, or by events of
a later cell, so that a test may drive it by receive times alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from market.events import AnyEvent, CandleClosed, Disconnected
from market.feeds import Batch
from market.feeds.grid import cell_end_ms
from market.feeds.live.conflation import conflated, weight
from market.hot.features import SECOND_PHASE_MS
from market.hot.vector import CELL_MS

LAG_CELLS = 10
"""More cells than this waiting: the pump lags, and cells are conflated."""

MOST_CELLS = 300
MOST_WEIGHT = 500_000
"""Beyond 30 s, or about 100 MB of levels and trades, what waits is given up: a break."""

MOST_DUE = 600
"""Cells that are due at once after the process was stopped, or the clock was set ahead. More are
skipped: nobody asks what was a minute ago."""

BACK_NS = 2_000_000_000
"""A clock that was set back less is waited for; more begins a new time."""

_CELL_NS = CELL_MS * 1_000_000


class Cells:
    """counters: conflated, cells_given_up, breaks, cells_skipped, clock_set_back, out_of_order."""

    def __init__(self, now_ns: int, symbols: Sequence[str], counters: Counter[str]) -> None:
        self._symbols = tuple(symbols)
        self.before_tick: Callable[[int], None] = lambda until_ns: None
        """Called before the last cell of each second is cut, to add what a tick shall find."""
        self._counters = counters
        self._queue: SimpleQueue[tuple[Batch, int] | None] = SimpleQueue()
        self._put_weight = 0  # the loop's; what was taken out is the pump's
        self._taken_weight = 0
        self._events: list[AnyEvent] = []
        self._candles: list[CandleClosed] = []
        self.last_ns = now_ns
        self._until_ms = cell_end_ms(now_ns)
        self.until_ns = self._until_ms * 1_000_000
        """The end of the cell that is being filled; last_ns: nothing earlier can be put in."""

    @property
    def waiting(self) -> int:
        """How many cells the pump has not taken yet."""
        return self._queue.qsize()

    def add(self, event: AnyEvent) -> None:
        """Put an event into its cell; receive times never go back."""
        recv_ns = event.recv_ns
        if recv_ns > self.until_ns:
            self.pass_to(recv_ns)
        if recv_ns < self.last_ns:
            event.recv_ns = self.last_ns
            self._counters["out_of_order"] += 1
        else:
            self.last_ns = recv_ns
        self._events.append(event)

    def add_candle(self, candle: CandleClosed) -> None:
        self._candles.append(candle)

    def pass_to(self, now_ns: int) -> None:
        """Cut every cell that ended before now."""
        if now_ns - self.until_ns > MOST_DUE * _CELL_NS:
            self._counters["cells_skipped"] += (now_ns - self.until_ns) // _CELL_NS
            self._begin_anew(now_ns)
        elif self.until_ns - _CELL_NS - now_ns > BACK_NS:
            self._counters["clock_set_back"] += 1
            self._begin_anew(now_ns)
        while now_ns > self.until_ns:
            self._cut()

    def batches(self) -> Iterator[Batch]:
        """Yield cells as they end, until `close`; in the pump's thread."""
        while True:
            taken = self._queue.get()
            if taken is None:
                return
            batch, weighs = taken
            self._taken_weight += weighs
            yield batch

    def close(self) -> None:
        """End `batches`; from any thread."""
        self._queue.put(None)

    def _cut(self) -> None:
        if self._until_ms % 1_000 == SECOND_PHASE_MS:
            self.before_tick(self.until_ns)
        events, candles = self._events, self._candles
        self._events, self._candles = [], []
        lag = self._queue.qsize()
        if lag >= MOST_CELLS or self._put_weight - self._taken_weight > MOST_WEIGHT:
            self._give_up()
            events = [*self._breaks(self.until_ns)]
        elif lag > LAG_CELLS:
            told = len(events)
            events = conflated(events)
            self._counters["conflated"] += told - len(events)
        weighs = weight(events) if lag > LAG_CELLS else len(events)
        self._put_weight += weighs
        self._queue.put((Batch(self._until_ms, events, candles), weighs))
        self.last_ns = max(self.last_ns, self.until_ns + 1)
        self._until_ms += CELL_MS
        self.until_ns = self._until_ms * 1_000_000

    def _give_up(self) -> None:
        # The candles that were told are asked for again by the desk, which misses them.
        self._counters["breaks"] += 1
        with suppress(Empty):
            while True:
                given_up = self._queue.get_nowait()
                if given_up is None:
                    self._queue.put(None)
                    return
                self._put_weight -= given_up[1]
                self._counters["cells_given_up"] += 1

    def _begin_anew(self, now_ns: int) -> None:
        self._cut()
        self._until_ms = cell_end_ms(now_ns)
        self.until_ns = self._until_ms * 1_000_000
        self.last_ns = now_ns
        self._events += self._breaks(now_ns)

    def _breaks(self, at_ns: int) -> list[AnyEvent]:
        return [Disconnected(symbol, at_ns, None) for symbol in self._symbols]
