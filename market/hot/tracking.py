"""All symbols of a feed, cell by cell: events in, feature rows out, books re-anchored.

The one way from events to features: the pump (live, replayed, simulated) and training use it.
"""

from collections.abc import Callable
from typing import Protocol

from market.events import DepthSnapshot
from market.feeds import Batch
from market.hot.book import BookState
from market.hot.features import FeatureRow, HotFeatures

SNAPSHOT_PATIENCE_MS = 1_000
"""How long a resyncing book waits for a snapshot within the stream before it does without."""


class Source(Protocol):
    """What a tracker needs of a feed."""

    @property
    def symbols(self) -> tuple[str, ...]: ...

    def snapshot(self, symbol: str) -> DepthSnapshot | None: ...


class MarketTracker:
    """Books and features of every symbol that a feed tells of."""

    def __init__(self, feed: Source) -> None:
        self._feed = feed
        self.symbols = {symbol: HotFeatures(symbol) for symbol in feed.symbols}
        self.unknown_symbol = 0
        self.on_answer: Callable[[DepthSnapshot], None] | None = None
        """Told of each snapshot that was asked for and applied; what is recorded needs it."""
        self._resyncing_since: dict[str, int] = {}

    def advance(self, batch: Batch) -> dict[str, FeatureRow]:
        """Take in one cell's events and return each symbol's features at its end.

        Batches must follow each other cell by cell; empty ones count.
        """
        symbols = self.symbols
        for event in batch.events:
            features = symbols.get(event.symbol)
            if features is None:
                self.unknown_symbol += 1
                continue
            features.apply(event)
        now_ms = batch.until_ms
        rows = {}
        for symbol, features in symbols.items():
            if features.book.state is BookState.RESYNCING:
                self._reanchor(features, now_ms)
            rows[symbol] = features.evaluate(now_ms)
        return rows

    def _reanchor(self, features: HotFeatures, now_ms: int) -> None:
        symbol = features.symbol
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
