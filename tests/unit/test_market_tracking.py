"""How a tracker has books taken up again: by a snapshot in the stream, or one that it asks for."""

from market.events import AnyEvent, DepthSnapshot
from market.feeds import Batch
from market.hot.book import BookState
from market.hot.features import FRESH_MS
from market.hot.tracking import SNAPSHOT_PATIENCE_MS, MarketTracker
from market.hot.vector import CELL_MS
from tests.live_links import BTC, START_NS, book, diff, ticker

FIRST_MS = START_NS // 1_000_000 + 90


class Source:
    """A source that has no book at hand."""

    symbols = (BTC,)

    def __init__(self, *, in_stream: bool) -> None:
        self.anchored_in_stream = frozenset(self.symbols if in_stream else ())
        self.asked = 0

    def snapshot(self, symbol: str) -> DepthSnapshot | None:
        self.asked += 1
        return None


class Told:
    """A tracker that is told one cell after the other."""

    def __init__(self, *, in_stream: bool) -> None:
        self.source = Source(in_stream=in_stream)
        self.tracker = MarketTracker(self.source)
        self.book = self.tracker.symbols[BTC].book
        self._until_ms = FIRST_MS

    def cell(self, *events: AnyEvent):
        rows = self.tracker.advance(Batch(self._until_ms, list(events)))
        self._until_ms += CELL_MS
        return rows[BTC]

    def cells(self, count: int) -> None:
        for _ in range(count):
            self.cell()


def test_book_anchored_in_the_stream_is_asked_for_each_cell_until_it_comes():
    told = Told(in_stream=True)
    told.cell(diff(5, 6, START_NS))
    assert (told.book.state, told.source.asked) == (BookState.EMPTY, 1)
    told.cell(book(5, START_NS))
    told.cell(diff(7, 8, START_NS))
    assert (told.book.state, told.book.last_id, told.source.asked) == (BookState.SYNCED, 8, 1)


def test_book_anchored_in_the_stream_is_never_taken_up_without_a_snapshot():
    told = Told(in_stream=True)
    told.cell(book(5, START_NS), ticker(5, START_NS))
    told.cell(diff(8, 9, START_NS))  # 6 and 7 are missing
    told.cells(10 * SNAPSHOT_PATIENCE_MS // CELL_MS)
    assert (told.book.state, told.book.reanchors) == (BookState.RESYNCING, 0)
    assert told.source.asked == 1 + 10 * SNAPSHOT_PATIENCE_MS // CELL_MS
    told.cell(book(9, START_NS))
    assert told.book.confirmed


def test_book_of_bare_frames_is_taken_up_as_it_is_known_after_some_patience():
    told = Told(in_stream=False)
    told.cell(diff(1, 2, START_NS))
    assert told.source.asked == 0  # it never was in sequence
    told.cell(book(5, START_NS), ticker(5, START_NS))
    told.cell(diff(8, 9, START_NS))
    told.cells(SNAPSHOT_PATIENCE_MS // CELL_MS + 1)
    assert told.book.synced and not told.book.confirmed


def test_snapshot_older_than_a_book_in_sequence_changes_nothing():
    told = Told(in_stream=True)
    told.cell(book(5, START_NS), diff(6, 9, START_NS, bid=(100, 7)))
    told.cell(book(6, START_NS))
    assert (told.book.last_id, told.book.bids.best()) == (9, (100, 7))


def test_time_set_back_leaves_no_feature_of_before():
    told = Told(in_stream=True)
    for _ in range(30):
        told.cell(book(5, START_NS), ticker(5, told._until_ms * 1_000_000))
    told._until_ms -= 3 * FRESH_MS
    row = told.cell()
    assert row.feature_ts_ms is None
    assert all(value != value for value in row.values[1:5])
