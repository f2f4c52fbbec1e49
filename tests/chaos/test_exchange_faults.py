"""Each fault of an exchange against the live feed, the pump, Redis and the forecast loop.

Forecasts go on or fall back as specified; within 2 s of the fault's end all is well; no book that
is told as right was ever another than the recording's.
"""

import itertools
import time

import pytest

from inference.vocabulary import Reason, Source
from tests.chaos.live_stage import SYMBOLS, live_stage
from tests.waiting import eventually_sync

RECOVERS_SECONDS = 2.0
NS = 1_000_000_000

# Faults that leave the top of the book known: no forecast may feel them.
UNFELT = {
    "skipped-ids": (0.5, {"kind": "skip", "symbol": "BTCUSDT", "count": 3}),
    "duplicates": (0.5, {"kind": "duplicate"}),
    "reordered": (0.5, {"kind": "reorder"}),
    "garbage": (0.5, {"kind": "garbage"}),
    "half-a-frame": (0.5, {"kind": "truncated", "count": 3}),
    "burst": (1.0, {"kind": "burst", "factor": 50}),
    "clock-behind": (0.5, {"kind": "skew", "offset_ms": -7_000}),
    "clock-ahead": (0.5, {"kind": "skew", "offset_ms": 60_000}),
    "held-back": (0.5, {"kind": "hold"}),
    "depth-silent": (0.5, {"kind": "silent", "stream": "depth@100ms"}),
    "slow-rest": (0.5, {"kind": "slow", "delay_seconds": 0.5}, {"kind": "skip", "count": 2}),
    "rest-503": (0.5, {"kind": "status", "status": 503}, {"kind": "skip", "count": 2}),
    "rest-429": (
        0.5,
        {"kind": "status", "status": 429, "retry_after": 1},
        {"kind": "skip", "count": 2},
    ),
}

# Faults that break the connection, or leave nothing to be sure of.
FELT = {
    "dropped": (0.1, {"kind": "drop"}),
    "refused": (1.5, {"kind": "refuse"}),
    "cut-within-a-frame": (0.2, {"kind": "cut_frame"}),
    "cut-by-age": (0.8, {"kind": "lifetime", "after_seconds": 0.2}),
    "silent-with-pongs": (2.5, {"kind": "silent"}),
    "silent-without-pongs": (2.5, {"kind": "silent", "pongs": False}),
    "banned-429": (
        1.0,
        {"kind": "status", "status": 429, "retry_after": 1, "handshakes": True},
        {"kind": "drop"},
    ),
    "banned-418": (
        1.0,
        {"kind": "status", "status": 418, "retry_after": 1, "handshakes": True},
        {"kind": "drop"},
    ),
}

BETWEEN_TICKS = ("dropped", "cut-within-a-frame")
"""After which all may be well again before the next tick."""

UNSURE = {Reason.STALE_FEATURES, Reason.FEATURES_MISSING, Reason.INCOMPLETE_FEATURES}


@pytest.fixture(scope="module")
def stage(redis_url):
    """The market with windows of a second instead of a minute, and patience to match."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("market.hot.windows.VOLATILITY_SECONDS", 1)
        patch.setattr("market.feeds.live.supervision.SILENT_NS", NS * 3 // 2)
        patch.setattr("market.feeds.live.silence.CONNECTION_QUIET_NS", NS)
        patch.setattr("market.feeds.live.silence.LOOK_SECONDS", 0.2)
        patch.setattr("market.feeds.live.binance.PING_MS", 400)
        # All of these faults come within a minute.
        patch.setattr("market.feeds.live.anchoring.BROKEN_AGAIN", 1_000)
        patch.setattr("market.feeds.live.anchoring.MOST_A_MINUTE", 1_000)
        patch.setattr("market.feeds.live.markets.REFRESH_SECONDS", 1.5)
        patch.setattr("market.feeds.live.markets.RETRY_SECONDS", 1.5)
        with live_stage(redis_url) as running:
            yield running


@pytest.fixture
def well(stage):
    """The stage with nothing wrong, before and after the test."""
    stage.seconds_to_recover(time.monotonic())
    eventually_sync(stage.predicting)
    compared, wrong = stage.compared.total(), len(stage.wrong)
    yield stage
    end_faults(stage)
    assert stage.wrong[wrong:] == []
    assert stage.compared.total() > compared


def end_faults(stage):
    for fault in stage.exchange.call(lambda each: list(each.faults.going_on)):
        stage.exchange.end(fault)


def play(stage, seconds, faults):
    """Let faults hold for a while; return when they began (market time) and ended (monotonic)."""
    began_ms = time.time() * 1e3
    for fields in faults:
        stage.exchange.begin(**fields)
    time.sleep(seconds)
    end_faults(stage)
    return began_ms, time.monotonic()


@pytest.mark.parametrize("name", UNFELT)
def test_fault_that_leaves_the_top_known_never_silences_the_model(well, name):
    seconds, *faults = UNFELT[name]
    began_ms, ended = play(well, seconds, faults)
    assert well.seconds_to_recover(ended) < RECOVERS_SECONDS
    said = well.since(began_ms)
    assert len(said) > 1
    assert {source for entry in said for source in entry.sources} == {Source.REDIS}


@pytest.mark.parametrize("name", FELT)
def test_fault_that_breaks_the_connection_falls_back_and_is_over_in_two_seconds(well, name):
    seconds, *faults = FELT[name]
    connects = well.feed.counters["connects"]
    began_ms, ended = play(well, seconds, faults)
    assert well.seconds_to_recover(ended) < RECOVERS_SECONDS
    assert well.feed.counters["connects"] > connects
    eventually_sync(well.predicting)
    said = well.since(began_ms)
    fallbacks = {
        reason
        for entry in said
        for source, reason in zip(entry.sources, entry.reasons, strict=True)
        if source != Source.REDIS
    }
    assert fallbacks <= UNSURE
    assert fallbacks or name in BETWEEN_TICKS
    times = [entry.tick_ms for entry in said]
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) < 1_000


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("halted", Reason.SYMBOL_HALTED), ("delisted", Reason.SYMBOL_DELISTED)],
)
def test_symbol_that_is_not_traded_is_dropped_alone_and_comes_back(well, kind, reason):
    fault = well.exchange.begin(kind=kind, symbol="BTCUSDT")
    began_ms = time.time() * 1e3
    eventually_sync(lambda: well.entries()[-1].reasons[0] == reason)
    well.exchange.end(fault)
    eventually_sync(well.predicting)
    said = well.since(began_ms)
    assert {entry.sources[SYMBOLS.index("ETHUSDT")] for entry in said} == {Source.REDIS}


def test_pump_that_stands_still_in_a_burst_costs_bounded_memory_and_recovers(well, monkeypatch):
    monkeypatch.setattr("market.feeds.live.cells.MOST_CELLS", 12)
    waiting = []
    compare = well.pump.on_written

    def stand_still(batch, written):
        well.pump.on_written = compare
        time.sleep(2.5)
        waiting.append(well.feed.state().counters["cells_waiting"])
        compare(batch, written)

    well.exchange.begin(kind="burst", factor=20)
    well.pump.on_written = stand_still
    eventually_sync(lambda: waiting)
    ended = time.monotonic()
    end_faults(well)
    assert well.seconds_to_recover(ended) < RECOVERS_SECONDS
    assert 0 < waiting[0] <= 13
    assert well.feed.counters["cells_given_up"] > 0
