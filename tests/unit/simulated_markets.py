"""Simulated markets of the tests: how they are opened, and what is read off their events."""

import math
from itertools import islice

import numpy as np
from hypothesis import strategies as st

from market.events import AnyEvent, BookTicker
from market.feeds import Batch
from market.feeds.simulated import SimulatedFeed
from market.feeds.simulated.arrivals import (
    Flow,
)
from market.hot.vector import CELL_MS

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
