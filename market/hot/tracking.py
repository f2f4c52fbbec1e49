"""All symbols of a feed, cell by cell: events in, feature rows out, books re-anchored.

The one way from events to features: the pump (live, replayed, simulated) and training use it.
"""

from market.feeds import Batch, Feed
from market.hot.book import BookState
from market.hot.features import FeatureRow, HotFeatures

SNAPSHOT_PATIENCE_MS = 1_000
"""How long a resyncing book waits for a snapshot within the stream before it does without."""


class MarketTracker:
    """Books and features of every symbol that a feed tells of."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.symbols = {symbol: HotFeatures(symbol) for symbol in feed.symbols}
        self.unknown_symbol = 0
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
        elif now_ms - since >= SNAPSHOT_PATIENCE_MS:
            features.anchor_without_snapshot(now_ms)
        if features.book.synced:
            del self._resyncing_since[symbol]
