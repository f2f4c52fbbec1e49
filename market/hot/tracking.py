"""All symbols of a feed, cell by cell: events in, feature rows out, books re-anchored.

The one way from events to features: the pump (live, replayed, simulated) and training use it.
"""

from collections.abc import Callable
from typing import Protocol

from market.events import DepthSnapshot, Disconnected
from market.feeds import Batch
from market.hot.book import BookState
from market.hot.features import WARM_UP_MS, FeatureRow, HotFeatures
from market.hot.vector import CELL_MS

SNAPSHOT_PATIENCE_MS = 1_000
"""How long a resyncing book waits for a snapshot within the stream before it does without."""


class Source(Protocol):
    """What a tracker needs of a feed."""

    @property
    def symbols(self) -> tuple[str, ...]: ...

    @property
    def anchored_in_stream(self) -> frozenset[str]: ...

    def snapshot(self, symbol: str) -> DepthSnapshot | None: ...


class MarketTracker:
    """Books and features of every symbol that a feed tells of."""

    def __init__(self, feed: Source) -> None:
        self._feed = feed
        self.symbols = {symbol: HotFeatures(symbol) for symbol in feed.symbols}
        self.on_answer: Callable[[DepthSnapshot], None] | None = None
        """Told of each snapshot that was asked for and applied; what is recorded needs it."""
        self._resyncing_since: dict[str, int] = {}
        self._in_stream = feed.anchored_in_stream
        self._until_ms: int | None = None

    def advance(self, batch: Batch) -> dict[str, FeatureRow]:
        """Take in one cell's events and return each symbol's features at its end.

        Batches follow each other in time; empty ones count, and those left out are empty.
        """
        symbols = self.symbols
        if self._until_ms is not None and batch.until_ms != self._until_ms + CELL_MS:
            self._pass_over(self._until_ms, batch.until_ms)
        self._until_ms = batch.until_ms
        for event in batch.events:
            features = symbols.get(event.symbol)
            if features is not None:
                features.apply(event)
        now_ms = batch.until_ms
        rows = {}
        for symbol, features in symbols.items():
            if features.book.state is not BookState.SYNCED:
                self._reanchor(features, now_ms)
            rows[symbol] = features.evaluate(now_ms)
        return rows

    def _pass_over(self, last_ms: int, until_ms: int) -> None:
        # Windows count cells; more than the longest of them need not be counted.
        first_ms = until_ms - WARM_UP_MS
        if until_ms > last_ms:
            first_ms = max(first_ms, last_ms + CELL_MS)
        for symbol, features in self.symbols.items():
            if until_ms <= last_ms:  # the clock was set back
                features.apply(Disconnected(symbol, first_ms * 1_000_000, None))
            for cell_ms in range(first_ms, until_ms, CELL_MS):
                features.evaluate(cell_ms)

    def _reanchor(self, features: HotFeatures, now_ms: int) -> None:
        symbol = features.symbol
        if symbol in self._in_stream:
            # Anything else than the exchange's own book might stay wrong for good.
            self._feed.snapshot(symbol)
            return
        if features.book.state is BookState.EMPTY:
            return
        since = self._resyncing_since.setdefault(symbol, now_ms)
        snapshot = self._feed.snapshot(symbol)
        if snapshot is not None:
            features.book.apply_snapshot(snapshot)
            if self.on_answer is not None:
                self.on_answer(snapshot)
        elif now_ms - since >= SNAPSHOT_PATIENCE_MS:
            features.anchor_without_snapshot(now_ms)
        if features.book.synced:
            del self._resyncing_since[symbol]
