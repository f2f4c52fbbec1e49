"""Where events come from: recorded frames, a simulated market, an exchange.

A feed is an iterator of batches in order of time. It knows nothing of books, features or
Redis; the pump drives it and decides when a batch is due.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe
from market.events import AnyEvent, CandleClosed, DepthSnapshot
from market.feed_state import FeedState


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one cell: all have recv_ns ≤ until_ms · 1e6, and none of them came before.

    Cell ends lie on `market.hot.vector`'s grid (t % CELL_MS == CELL_PHASE_MS). A cell without
    events is an empty batch. candles: those that the exchange told of as closed, of any symbol.
    """

    until_ms: int
    events: list[AnyEvent]
    candles: Sequence[CandleClosed] = ()


class FeedError(Exception):
    """The feed cannot be opened at all; names the file or the symbol. A person acts.

    wait_seconds: how long an exchange asked to be left alone, else None.
    """

    def __init__(self, message: str, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class Feed(Protocol):
    """One market.

    symbols: what it will tell of. name: goes into the venue. faults: lines or frames dropped,
    counted by kind. preroll_ms: how much of its beginning is history, played at once so that
    the windows are full when the first forecast is due. anchored_in_stream: symbols whose book is
    taken up by a snapshot within the stream and by nothing else; `snapshot` asks for it.
    """

    symbols: tuple[str, ...]
    name: str
    preroll_ms: int
    faults: Counter[str]
    anchored_in_stream: frozenset[str]

    def batches(self) -> Iterator[Batch]:
        """Yield cell after cell. A live feed that was held up may leave some out."""
        ...

    def snapshot(self, symbol: str) -> DepthSnapshot | None:
        """Return the book as it is now, for re-anchoring; None where the feed has none now."""
        ...

    def candles(self, symbol: str, timeframe: Timeframe, since_ms: int) -> CandleSeries | None:
        """Return the exchange's closed candles that opened at or after `since_ms`, as far as it
        has them; None where the feed has no way to ask.

        Called from a thread of its own; may take seconds. Raises FeedError where the exchange
        does not answer now: it is asked again later.
        """
        ...

    def state(self) -> FeedState | None:
        """Return what the heartbeat says of it; None where there is nothing but `faults`."""
        ...

    def close(self) -> None:
        """Let go of what it holds; `batches` ends."""
        ...
