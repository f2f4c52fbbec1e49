"""The simulated market's books and trades: consistent, and like a market's."""

from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.events import BookTicker, DepthDiff, DepthSnapshot, Trade
from market.feeds import Batch
from market.feeds.simulated.arrivals import (
    FLOWS,
    Flow,
)
from market.feeds.simulated.instruments import instrument
from market.hot.book import OrderBook
from tests.unit.simulated_markets import (
    cells,
    events_of,
    feed_of,
    mids_at_seconds,
    seeds,
    symbols,
)


class Rebuilt:
    """The book as someone who hears the events builds it, by the plainest means."""

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.last_id = 0

    def apply(self, event: DepthSnapshot | DepthDiff) -> None:
        if isinstance(event, DepthSnapshot):
            self.bids, self.asks = {}, {}
        for side, levels in ((self.bids, event.bids), (self.asks, event.asks)):
            for price, size in levels:
                side[price] = size
                if not size:
                    del side[price]
        self.last_id = event.last_id

    def top(self) -> tuple[int, int, int, int]:
        bid, ask = max(self.bids), min(self.asks)
        return bid, self.bids[bid], ask, self.asks[ask]


def top_of(ticker: BookTicker) -> tuple[int, int, int, int]:
    return ticker.bid, ticker.bid_size, ticker.ask, ticker.ask_size


@settings(max_examples=25, deadline=None)
@given(seed=seeds, symbol=symbols, flow=st.sampled_from(FLOWS))
def test_book_rebuilt_from_events_equals_the_true_book(seed: int, symbol: str, flow: Flow) -> None:
    feed = feed_of(symbol, seed=seed, flow=flow)
    book, ticker, diffs = Rebuilt(), None, 0
    for batch in islice(feed.batches(), 150):
        for event in batch.events:
            if isinstance(event, DepthSnapshot):
                assert book.last_id == 0
                book.apply(event)
            elif isinstance(event, DepthDiff):
                assert event.first_id == book.last_id + 1 <= event.last_id
                book.apply(event)
                diffs += 1
                if ticker is not None:
                    assert top_of(ticker) == book.top()
                    assert ticker.update_id <= event.last_id
            elif isinstance(event, BookTicker):
                assert event.update_id > book.last_id
                assert 0 < event.bid < event.ask
                assert min(event.bid_size, event.ask_size) > 0
                ticker = event
        truth = feed.snapshot(symbol)
        assert truth is not None
        assert truth.last_id == book.last_id
        assert dict(truth.bids) == book.bids
        assert dict(truth.asks) == book.asks
        assert len(book.bids) >= 5 and len(book.asks) >= 5
        assert 0 < min(book.bids) and max(book.bids) < min(book.asks)
    assert diffs > 100
    assert ticker is not None


def test_tickers_report_every_change_of_the_top_once() -> None:
    tops = [top_of(e) for e in events_of(cells(feed_of("BTCUSDT"), 600)) if type(e) is BookTicker]

    assert len(tops) > 100
    assert all(before != after for before, after in pairwise(tops))


def test_order_book_of_the_house_follows_without_a_gap(ten_minutes: list[Batch]) -> None:
    book = OrderBook()
    ticker = None
    for event in events_of(ten_minutes, "BTCUSDT"):
        if isinstance(event, DepthSnapshot):
            assert book.apply_snapshot(event)
        elif isinstance(event, DepthDiff):
            book.apply_diff(event)
        elif isinstance(event, BookTicker):
            book.apply_ticker(event)
            ticker = event
        if ticker is not None:
            assert book.top() == top_of(ticker)
    assert (book.synced, book.gaps, book.crossed) == (True, 0, 0)


def test_snapshot_re_anchors_a_book_that_missed_a_diff() -> None:
    feed = feed_of("BTCUSDT")
    book = OrderBook()
    for number, batch in enumerate(islice(feed.batches(), 60)):
        for event in batch.events:
            if isinstance(event, DepthSnapshot):
                book.apply_snapshot(event)
            elif isinstance(event, DepthDiff) and number != 20:
                book.apply_diff(event)
        if number > 20 and not book.synced:
            truth = feed.snapshot("BTCUSDT")
            assert truth is not None and book.apply_snapshot(truth)

    truth = feed.snapshot("BTCUSDT")
    assert truth is not None
    assert (book.gaps, book.reanchors, book.last_id) == (1, 1, truth.last_id)
    assert book.bids.sizes == dict(truth.bids)


def test_snapshot_without_a_market_is_none() -> None:
    feed = feed_of("BTCUSDT")
    assert feed.snapshot("BTCUSDT") is None

    cells(feed, 1)
    assert feed.snapshot("BTCUSDT") is not None
    assert feed.snapshot("ETHUSDT") is None


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ADAUSDT", "UNKNOWNUSDT"])
def test_trades_take_the_opposite_side_from_the_best_price_on(
    ten_minutes: list[Batch], symbol: str
) -> None:
    ticker: BookTicker | None = None
    earlier: Trade | None = None
    number = walked = 0
    for event in events_of(ten_minutes, symbol):
        if isinstance(event, BookTicker):
            ticker, earlier = event, None
        elif isinstance(event, Trade):
            number += 1
            assert event.trade_id == number
            assert event.size > 0
            assert ticker is not None
            best = ticker.ask if event.buyer_initiated else ticker.bid
            if earlier is None:
                assert event.price == best
            else:
                away = event.price - earlier.price
                assert event.buyer_initiated == earlier.buyer_initiated
                assert away >= 0 if event.buyer_initiated else away <= 0
                walked += away != 0
            earlier = event
    assert number > 200
    assert walked > 10


def test_spread_is_mostly_one_or_a_few_ticks(ten_minutes: list[Batch]) -> None:
    for symbol in ("BTCUSDT", "ADAUSDT", "UNKNOWNUSDT"):
        spreads = [
            (event.ask - event.bid) / instrument(symbol).tick
            for event in events_of(ten_minutes, symbol)
            if isinstance(event, BookTicker)
        ]
        assert np.quantile(spreads, 0.8) <= 4


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ADAUSDT", "UNKNOWNUSDT"])
def test_realised_volatility_is_a_market_s(ten_minutes: list[Batch], symbol: str) -> None:
    returns_bp = 1e4 * np.diff(np.log(mids_at_seconds(ten_minutes, symbol)))

    assert 0.4 < np.sqrt(np.mean(returns_bp**2)) < 1.6
    # A price that could be foretold from its last second would be no market's.
    assert abs(np.corrcoef(returns_bp[1:], returns_bp[:-1])[0, 1]) < 0.25
