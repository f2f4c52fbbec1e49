"""Cells of a live market: what lies in which, and what is left where the pump lags."""

from collections import Counter
from itertools import islice

import pytest

from market.events import BookTicker, DepthDiff, Disconnected, Trade
from market.feeds import Batch
from market.feeds.grid import cell_end_ms
from market.feeds.live import cells as cells_module
from market.feeds.live.cells import Cells
from market.feeds.live.conflation import conflated
from market.feeds.simulated import SimulatedFeed
from market.hot.tracking import MarketTracker
from tests.live_links import BTC, ETH, NS, START_NS, book, diff, ticker, trade

CELL_NS = 100_000_000


@pytest.fixture
def counters() -> Counter[str]:
    return Counter()


@pytest.fixture
def cells(counters) -> Cells:
    return Cells(START_NS, (BTC, ETH), counters)


def taken(cells: Cells) -> list[Batch]:
    cells.close()
    return list(cells.batches())


def same_rows(left: object, right: object) -> bool:
    return repr(left) == repr(right)  # NaN is NaN


def test_event_at_a_cells_end_lies_in_it_and_one_after_in_the_next(cells):
    end_ns = cells.until_ns
    first, second = trade(1, end_ns), trade(2, end_ns + 1)
    cells.add(first)
    cells.add(second)
    cells.pass_to(end_ns + CELL_NS + 1)
    batches = taken(cells)
    assert [batch.events for batch in batches] == [[first], [second]]
    assert [batch.until_ms for batch in batches] == [
        cell_end_ms(first.recv_ns),
        cell_end_ms(second.recv_ns),
    ]


def test_silent_time_is_told_in_empty_cells(cells):
    cells.pass_to(START_NS + NS)
    batches = taken(cells)
    assert [batch.events for batch in batches] == [[]] * 10
    ends = [batch.until_ms for batch in batches]
    assert ends == list(range(ends[0], ends[0] + 1_000, 100))


def test_event_stamped_before_its_cell_is_put_at_its_beginning(cells, counters):
    end_ns = cells.until_ns
    cells.pass_to(end_ns + 1)
    cells.add(trade(1, end_ns - 5))
    cells.pass_to(end_ns + CELL_NS + 1)
    assert [event.recv_ns for batch in taken(cells) for event in batch.events] == [end_ns + 1]
    assert counters["out_of_order"] == 1


def test_last_cell_of_a_second_hears_of_its_end_before_it_is_cut(cells):
    told = []
    cells.before_tick = told.append
    cells.pass_to(START_NS + 3 * NS)
    assert [at // 1_000_000 % 1_000 for at in told] == [990, 990, 990]


def test_lagging_pump_gets_all_trades_and_the_latest_of_the_rest(cells, counters):
    cells.pass_to(START_NS + 2 * NS)  # twenty cells nobody takes
    at = cells.until_ns
    told = [
        ticker(1, at),
        diff(1, 2, at),
        trade(1, at),
        ticker(3, at),
        diff(3, 4, at, bid=(98, 7)),
        trade(2, at),
        ticker(3, at, ETH),
    ]
    for event in told:
        cells.add(event)
    cells.pass_to(at + 1)
    left = taken(cells)[-1].events
    assert [type(event) for event in left] == [Trade, BookTicker, DepthDiff, Trade, BookTicker]
    merged = left[2]
    assert isinstance(merged, DepthDiff)
    assert (merged.first_id, merged.last_id, merged.bids) == (1, 4, [(99, 5), (98, 7)])
    assert counters["conflated"] == 2


def test_diffs_with_a_gap_or_a_snapshot_between_them_are_not_merged():
    at = START_NS
    gap = [diff(1, 2, at), diff(4, 5, at)]
    assert conflated(list(gap)) == gap
    anchored = [diff(1, 2, at), book(2, at), diff(3, 4, at)]
    assert conflated(list(anchored)) == anchored


def test_conflated_cells_have_the_features_of_whole_ones():
    feed = SimulatedFeed((BTC, ETH), 5, START_NS // 1_000_000, preroll_ms=0)
    whole, less = MarketTracker(feed), MarketTracker(feed)
    told = left = 0
    for batch in islice(feed.batches(), 900):
        few = Batch(batch.until_ms, conflated(batch.events))
        told, left = told + len(batch.events), left + len(few.events)
        rows, fewer = whole.advance(batch), less.advance(few)
        assert same_rows(
            {name: row.values for name, row in rows.items()},
            {name: row.values for name, row in fewer.items()},
        )
    assert left < told


def test_pump_that_stands_still_costs_bounded_memory_and_a_break(cells, counters):
    for number in range(1_000):
        cells.add(trade(number, cells.until_ns))
        cells.pass_to(cells.until_ns + 1)
        assert cells.waiting <= cells_module.MOST_CELLS
    batches = taken(cells)
    assert counters["breaks"] == 3
    assert counters["cells_given_up"] == 900
    assert [type(event) for event in batches[0].events] == [Disconnected, Disconnected]


def test_flood_of_levels_is_bounded_by_what_it_weighs(cells, counters, monkeypatch):
    monkeypatch.setattr(cells_module, "MOST_WEIGHT", 1_000)
    levels = [(price, 1) for price in range(1, 101)]
    for number in range(60):
        at = cells.until_ns
        cells.add(DepthDiff(BTC, at, None, number, number, None, levels, []))
        cells.pass_to(at + 1)
    assert counters["breaks"] > 0
    assert sum(len(batch.events) for batch in taken(cells)) < 30


def test_clock_set_far_ahead_skips_time_and_breaks(cells, counters):
    cells.add(trade(1, START_NS))
    cells.pass_to(START_NS + 3_600 * NS)
    cells.pass_to(cells.until_ns + 1)
    batches = taken(cells)
    assert len(batches) == 2
    assert batches[1].until_ms - batches[0].until_ms > 3_599_000
    assert [type(event) for event in batches[1].events] == [Disconnected, Disconnected]
    assert counters["cells_skipped"] > 35_000


@pytest.mark.parametrize(("back_seconds", "breaks"), [(1, 0), (60, 2)])
def test_clock_set_back_a_little_is_waited_for_and_far_begins_anew(
    cells, counters, back_seconds, breaks
):
    cells.pass_to(START_NS + NS)
    back_ns = START_NS + NS - back_seconds * NS
    cells.pass_to(back_ns)
    cells.add(trade(1, back_ns))
    cells.pass_to(back_ns + 3 * NS)
    batches = taken(cells)
    told = [type(event) for batch in batches for event in batch.events]
    assert told == [Disconnected] * breaks + [Trade]
    assert counters["clock_set_back"] == bool(breaks)


def test_tracker_counts_cells_that_are_left_out_as_empty():
    feed = SimulatedFeed((BTC,), 5, START_NS // 1_000_000, preroll_ms=0)
    whole, jumping = MarketTracker(feed), MarketTracker(feed)
    for number, batch in enumerate(islice(feed.batches(), 1_200)):
        if 900 <= number < 1_000:
            whole.advance(Batch(batch.until_ms, []))
            continue
        rows = whole.advance(batch), jumping.advance(batch)
        assert same_rows(*rows)
