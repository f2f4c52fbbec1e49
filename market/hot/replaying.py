"""Features of a recording, cell by cell, by the very code that serves a live market.

Readers: training (datasets) and the tests that hold live and replayed features equal.
"""

from collections.abc import Iterator
from pathlib import Path

from market.feeds.replay import ReplayFeed
from market.hot.features import FeatureRow
from market.hot.tracking import MarketTracker


def feature_rows(path: Path) -> Iterator[tuple[int, FeatureRow]]:
    """Yield (cell_end_ms, features) for every 100-ms cell of one recording.

    Raises FeedError where the path holds no recording.
    """
    feed = ReplayFeed([path])
    tracker = MarketTracker(feed)
    symbol = feed.symbols[0]
    for batch in feed.batches():
        yield batch.until_ms, tracker.advance(batch)[symbol]
