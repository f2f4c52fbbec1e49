"""The live feed over ccxt and a real socket: faults, recording, the next connection in time."""

import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from market import keys
from market.events import Disconnected, Heartbeat
from market.exchanges import SUPPORTED
from market.feed_state import feed_of
from market.feeds.live import supervision
from market.feeds.live.asking import ask_exchange
from market.feeds.live.feed import LiveFeed
from market.feeds.live.links import make_link
from market.feeds.opening import OpenedFeed
from market.hot.features import FeatureRow
from market.hot.tracking import MarketTracker
from market.pump import Pump
from market.recording.places import SymbolFolder
from market.recording.reading import SymbolRecording, exact_rows
from market.recording.recorder import MarketRecorder, RecordingPlan
from tests.fake_exchanges import RunningExchange, fake_exchange
from tests.recordings import BTC_SPOT, ETH_SPOT, recording
from tests.waiting import PATIENCE_SECONDS, eventually_sync

SYMBOLS = ("BTCUSDT", "ETHUSDT")
VENUE = "replay/binance@here:1"
NS = 1_000_000_000


@pytest.fixture(scope="module")
def exchange() -> Iterator[RunningExchange]:
    with fake_exchange(recording(BTC_SPOT), recording(ETH_SPOT)) as running:
        yield running


@contextmanager
def live(exchange: RunningExchange) -> Iterator[LiveFeed]:
    binance = SUPPORTED["binance"]
    markets = ask_exchange(binance, exchange.url, SYMBOLS, 10.0, lambda: True)
    feed = LiveFeed(
        lambda now_ns: make_link(binance, exchange.url, now_ns), SYMBOLS, SYMBOLS, markets
    )
    try:
        yield feed
    finally:
        feed.close()


def synced(tracker: MarketTracker) -> bool:
    return all(features.book.synced for features in tracker.symbols.values())


def test_live_market_recorded_through_faults_is_replayed_bit_for_bit(exchange, tmp_path: Path):
    seen: dict[str, dict[int, FeatureRow]] = {symbol: {} for symbol in SYMBOLS}
    with live(exchange) as feed:
        tracker = MarketTracker(feed)
        recorder = MarketRecorder(RecordingPlan(tmp_path, 7), VENUE, tracker)
        recorder.start()
        for number, batch in enumerate(feed.batches()):
            for symbol, row in tracker.advance(batch).items():
                seen[symbol][batch.until_ms] = row
            recorder.take(batch, None, patient=True)
            if number == 8:
                # No book is asked for while REST is down: a replay must wait as long.
                exchange.begin(kind="status", status=503, seconds=1.2)
                exchange.begin(kind="skip", count=2)
            if number == 28:
                exchange.begin(kind="drop")
            assert number < 600
            if number >= 44 and feed.counters["reconnects"] == 2 and synced(tracker):
                break
        recorder.close()
    assert feed.counters["gaps"] >= 2
    for symbol in SYMBOLS:
        found = SymbolRecording(SymbolFolder.of(tmp_path, VENUE, symbol))
        [segment] = found.segments()
        rows = dict(exact_rows(found, segment, segment.first_ms, segment.last_ms))
        assert repr(rows) == repr(seen[symbol])  # NaN is NaN


def test_next_connection_takes_over_without_a_break_or_a_gap(exchange, monkeypatch):
    monkeypatch.setattr(supervision, "EARLY_SECONDS", (1.0, 1.0))
    monkeypatch.setattr(supervision, "OVERLAP_NS", NS // 2)
    with live(exchange) as feed:
        feed.link.lifetime_seconds = 2.0
        tracker = MarketTracker(feed)
        kinds: Counter[type] = Counter()
        for batch in feed.batches():
            tracker.advance(batch)
            kinds.update(type(event) for event in batch.events)
            if feed.counters["taken_over"] >= 4:
                break
        assert kinds[Disconnected] == 0
        assert feed.counters["gaps"] == feed.counters["reconnects"] == 0
        assert feed.counters["duplicates"] > 0
        assert synced(tracker)
        assert all(features.trade_gaps == 0 for features in tracker.symbols.values())


def test_heartbeat_tells_of_the_feed_and_a_stop_ends_it(exchange, clean_redis: redis.Redis):
    with live(exchange) as feed:
        opened = OpenedFeed(feed, VENUE, live=False, speed=1.0, in_utc=True)
        stop = threading.Event()
        pump = threading.Thread(target=Pump(opened, clean_redis, stop.is_set).run)
        pump.start()

        def told():
            beat = clean_redis.hget(keys.health("market"), "detail")
            state = feed_of(json.loads(beat)) if beat else None
            well = state and state.clock_offset_ms is not None and state.counters.get("frames")
            return state if well and all(each.up for each in state.connections) else None

        state: Any = None

        def is_told() -> bool:
            nonlocal state
            state = told()
            return state is not None

        eventually_sync(is_told)
        assert {each.name for each in state.connections} == {"market-1", "candles"}
        assert abs(state.clock_offset_ms) <= state.clock_uncertainty_ms + 50
        stop.set()
        pump.join(PATIENCE_SECONDS)
        assert not pump.is_alive()
        assert not feed._thread._thread.is_alive()


def test_symbols_of_a_connection_that_only_pongs_are_told_of_by_heartbeats():
    paths = recording(BTC_SPOT), recording(ETH_SPOT)
    with fake_exchange(*paths, lock_step=True) as still, live(still) as feed:
        told: set[str] = set()
        for batch in itertools.islice(feed.batches(), 150):
            told |= {event.symbol for event in batch.events if isinstance(event, Heartbeat)}
            trips = [each.round_trip_ms for each in feed.state().connections]
            if told == set(SYMBOLS) and None not in trips:
                break
        assert told == set(SYMBOLS)
        assert all(trip is not None and 0 < trip < 5_000 for trip in trips)
