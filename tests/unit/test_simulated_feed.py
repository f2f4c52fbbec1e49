"""The simulated market: what it tells is consistent, repeatable and looks like a market."""

import math
from collections.abc import Iterator
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.events import AnyEvent, BookTicker, DepthDiff, DepthSnapshot, Trade
from market.feeds import Batch, FeedError
from market.feeds.simulated import SimulatedFeed
from market.feeds.simulated.arrivals import (
    FLOWS,
    ArrivalError,
    Flow,
    HawkesParameters,
    hawkes_arrivals,
    poisson_arrivals,
)
from market.feeds.simulated.book import LimitOrderBook, Side
from market.feeds.simulated.draws import Draws
from market.feeds.simulated.fundamental import DAY_MS, HOUR_MS, FundamentalValue
from market.feeds.simulated.instruments import instrument
from market.hot.book import OrderBook
from market.hot.vector import CELL_MS, CELL_PHASE_MS

START_MS = 1_780_000_000_123
MINUTE = 60_000 // CELL_MS

seeds = st.integers(0, 2**31)
symbols = st.sampled_from(["BTCUSDT", "ADAUSDT", "PEPEUSDT", "UNKNOWNUSDT", "XYZ"])


def feed_of(
    *names: str, seed: int = 1, flow: Flow = "hawkes", start_ms: int = START_MS
) -> SimulatedFeed:
    return SimulatedFeed(names, seed, start_ms, flow, preroll_ms=1_000)


def cells(feed: SimulatedFeed, count: int) -> list[Batch]:
    return list(islice(feed.batches(), count))


def events_of(batches: list[Batch], symbol: str | None = None) -> list[AnyEvent]:
    return [event for batch in batches for event in batch.events if symbol in (None, event.symbol)]


def mids_at_seconds(
    batches: list[Batch], symbol: str
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    mids, mid = [], math.nan
    for batch in batches:
        for event in batch.events:
            if isinstance(event, BookTicker) and event.symbol == symbol:
                mid = (event.bid + event.ask) / 2
        mids.append(mid)
    return np.array(mids[10::10])


@pytest.fixture(scope="module")
def ten_minutes() -> list[Batch]:
    """Ten minutes of an ordinary tick, a large one, and an unknown symbol."""
    return cells(feed_of("BTCUSDT", "ADAUSDT", "UNKNOWNUSDT"), 10 * MINUTE)


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


@pytest.mark.parametrize("flow", FLOWS)
def test_feed_same_seed_and_start_gives_same_events(flow: Flow) -> None:
    first = cells(feed_of("BTCUSDT", "FOOUSDT", flow=flow), 200)

    assert first == cells(feed_of("BTCUSDT", "FOOUSDT", flow=flow), 200)


def test_feed_opened_twice_begins_again() -> None:
    feed = feed_of("BTCUSDT")

    assert cells(feed, 50) == cells(feed, 50)


def test_feed_other_seed_or_start_gives_other_events() -> None:
    first = cells(feed_of("BTCUSDT"), 20)

    assert events_of(first) != events_of(cells(feed_of("BTCUSDT", seed=2), 20))
    later = cells(feed_of("BTCUSDT", start_ms=START_MS + 60_000), 20)
    assert [type(each) for each in events_of(first)] != [type(each) for each in events_of(later)]


def test_feed_symbol_does_not_depend_on_others() -> None:
    alone = cells(feed_of("ETHUSDT"), 100)
    together = cells(feed_of("BTCUSDT", "ETHUSDT", "SOLUSDT"), 100)

    assert events_of(alone) == events_of(together, "ETHUSDT")


def test_feed_symbols_move_independently(ten_minutes: list[Batch]) -> None:
    first, second = (
        np.diff(np.log(mids_at_seconds(ten_minutes, symbol))) for symbol in ("BTCUSDT", "ADAUSDT")
    )

    # 0.12 is about three standard errors at n = 590.
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.12


def test_feed_restarted_goes_on_near_its_price() -> None:
    last = mids_at_seconds(cells(feed_of("BTCUSDT"), 600), "BTCUSDT")[-1]
    again = mids_at_seconds(cells(feed_of("BTCUSDT", start_ms=START_MS + 60_000), 20), "BTCUSDT")

    assert abs(1e4 * math.log(again[0] / last)) < 5


@pytest.mark.parametrize("start_ms", [START_MS, START_MS + 67, 1_780_000_000_090])
def test_batches_lie_on_the_cell_grid(start_ms: int) -> None:
    feed = feed_of("BTCUSDT", "ETHUSDT", start_ms=start_ms)
    batches = cells(feed, 100)

    first_ms = batches[0].until_ms
    assert 0 <= first_ms - (start_ms - feed.preroll_ms) < CELL_MS
    for batch, until_ms in zip(batches, range(first_ms, first_ms + 10_000, CELL_MS), strict=True):
        assert batch.until_ms == until_ms
        assert until_ms % CELL_MS == CELL_PHASE_MS
        times = [event.recv_ns for event in batch.events]
        assert times == sorted(times)
        assert all((until_ms - CELL_MS) * 1_000_000 < at <= until_ms * 1_000_000 for at in times)


def test_events_arrive_a_little_after_they_happened(ten_minutes: list[Batch]) -> None:
    delays = [
        event.recv_ns / 1e6 - event.exchange_ms
        for event in events_of(ten_minutes)
        if event.exchange_ms is not None
    ]

    assert len(delays) == len(events_of(ten_minutes))
    # exchange_ms is rounded down, by up to 1 ms.
    assert 2 <= min(delays) and max(delays) <= 21
    assert np.median(delays) < 10


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


def counts(arrivals: Iterator[tuple[float, bool]], seconds: int) -> list[int]:
    found = [0] * seconds
    for at, _ in arrivals:
        if at >= seconds:
            return found
        found[int(at)] += 1
    return found


def test_hawkes_arrivals_cluster_and_keep_their_mean_rate() -> None:
    parameters = HawkesParameters(baseline=0.5, own=0.5, other=0.2, decay=3.0)
    clustered = np.array(counts(hawkes_arrivals(parameters, Draws(7)), 10_000))
    plain = np.array(counts(poisson_arrivals(parameters.mean_rate, Draws(7)), 10_000))

    for found in (clustered, plain):
        assert found.mean() == pytest.approx(2 * parameters.mean_rate, rel=0.06)
    assert plain.var() / plain.mean() == pytest.approx(1, abs=0.06)
    assert clustered.var() / clustered.mean() > 2


def test_hawkes_arrivals_follow_their_own_side() -> None:
    parameters = HawkesParameters(baseline=0.5, own=0.6, other=0.1, decay=3.0)
    sides = [buys for _, buys in islice(hawkes_arrivals(parameters, Draws(3)), 5_000)]

    assert np.mean(sides) == pytest.approx(0.5, abs=0.1)
    assert np.mean([before == after for before, after in pairwise(sides)]) > 0.55


@pytest.mark.parametrize(
    ("baseline", "own", "other", "decay", "named"),
    [
        (0.5, 0.7, 0.3, 3.0, "own \\+ other"),
        (0.5, 1.4, 0.0, 3.0, "own \\+ other"),
        (0.0, 0.5, 0.1, 3.0, "baseline"),
        (0.5, -0.1, 0.1, 3.0, "own"),
        (0.5, 0.5, math.nan, 3.0, "other"),
        (0.5, 0.5, 0.1, 0.0, "decay"),
        (math.inf, 0.5, 0.1, 3.0, "baseline"),
    ],
)
def test_hawkes_parameters_out_of_range_are_refused(
    baseline: float, own: float, other: float, decay: float, named: str
) -> None:
    with pytest.raises(ArrivalError, match=named):
        HawkesParameters(baseline, own, other, decay)


def test_fundamental_value_is_the_same_however_it_is_asked() -> None:
    times = [START_MS + step * 777_000 for step in range(300)]
    forward, backward = FundamentalValue((1, 2), 0.8), FundamentalValue((1, 2), 0.8)

    ahead = [forward.at(time) for time in times]
    assert ahead == [backward.at(time) for time in reversed(times)][::-1]


def test_fundamental_value_has_no_jump_at_hours_and_days() -> None:
    value = FundamentalValue((1, 2), 0.8)
    midnight = START_MS // DAY_MS * DAY_MS
    for boundary in range(midnight, midnight + 2 * DAY_MS, HOUR_MS):
        assert abs(value.at(boundary) - value.at(boundary - 1)) < 2e-4


def test_fundamental_value_stays_sane_for_a_year_and_moves() -> None:
    value = FundamentalValue((5, 6), 1.0)
    year = np.array([value.at(START_MS + hours * HOUR_MS) for hours in range(0, 24 * 365, 7)])

    # All slow noises at their largest, on one side.
    assert np.abs(year).max() < 1.35
    assert year.std() > 0.01


def test_fundamental_value_has_the_volatility_asked_for() -> None:
    value = FundamentalValue((9,), 0.8)
    path = np.array([value.at(START_MS + seconds * 1_000) for seconds in range(6 * 3_600)])

    realised_bp = 1e4 * np.sqrt(np.mean(np.diff(path) ** 2))
    assert 0.8 * math.exp(-0.4) < realised_bp < 0.8 * math.exp(0.4)


@given(name=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=2, max_size=12))
def test_instrument_of_any_name_is_tradable(name: str) -> None:
    found = instrument(name)

    assert found == instrument(name)
    assert found.price > 0 and found.tick >= 1 and found.lot >= 1
    # Prices have at most eight decimals, so a coin of 0.00001 moves in steps of 10 bp.
    assert 0.01 < found.tick_bp < 11
    assert found.price * found.lot / 1e8 < 1


Step = tuple[bool, int, int]
steps = st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(1, 50)), max_size=80)


@given(steps=steps)
def test_limit_order_book_matches_a_plain_list_of_orders(steps: list[Step]) -> None:
    book = LimitOrderBook()
    plain: list[list[int]] = []  # tick, size of each bid, in order of arrival
    for is_order, tick, size in steps:
        before = book.update_id
        if is_order:
            book.place(book.bids, 100 + tick, size)
            plain.append([100 + tick, size])
            assert book.update_id == before + 1
            continue
        expected: list[tuple[int, int]] = []
        for order in sorted(plain, key=lambda order: -order[0]):
            filled = min(size - sum(fill for _, fill in expected), order[1])
            if filled:
                order[1] -= filled
                expected.append((order[0], filled))
        plain = [order for order in plain if order[1]]
        assert book.take(book.bids, size, keep_levels=0) == expected
        assert book.update_id == before + len(expected)
    totals: dict[int, int] = {}
    for tick, size in plain:
        totals[tick] = totals.get(tick, 0) + size
    assert book.bids.sizes == totals
    assert book.bids.ticks == sorted(totals)


def test_side_cancelled_or_withdrawn_orders_are_gone_once() -> None:
    side = Side(buys=False)
    side.add(1, 10, 5)
    side.add(2, 10, 7)
    side.add(3, 12, 9)

    assert side.cancel(0)
    assert (side.best, side.sizes[10]) == (10, 7)
    side.withdraw(10)
    assert (side.best, side.ticks) == (12, [12])
    # Order 2 went with its price: what is left of it in the list is found out and dropped.
    assert sorted(side.cancel(0) for _ in range(2)) == [False, True]
    assert side.orders == [] and side.ticks == []


@pytest.mark.parametrize(
    ("names", "seed", "start_ms", "flow", "named"),
    [
        ([], 1, START_MS, "hawkes", "symbols"),
        (["BTCUSDT", "BTCUSDT"], 1, START_MS, "hawkes", "BTCUSDT"),
        (["BTCUSDT"], -1, START_MS, "hawkes", "seed -1"),
        (["BTCUSDT"], 1, 0, "hawkes", "start_ms 0"),
        (["BTCUSDT"], 1, START_MS, "brownian", "'brownian'.*hawkes, poisson"),
    ],
)
def test_feed_with_bad_arguments_is_refused(
    names: list[str], seed: int, start_ms: int, flow: Flow, named: str
) -> None:
    with pytest.raises(FeedError, match=named):
        SimulatedFeed(names, seed, start_ms, flow)
