"""The simulated market: what it tells is repeatable, in order and on the grid."""

import math

import numpy as np
import pytest

from market.feeds import Batch, FeedError
from market.feeds.simulated import SimulatedFeed
from market.feeds.simulated.arrivals import (
    FLOWS,
    Flow,
)
from market.hot.vector import CELL_MS, CELL_PHASE_MS
from tests.unit.simulated_markets import (
    START_MS,
    cells,
    events_of,
    feed_of,
    mids_at_seconds,
)


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
