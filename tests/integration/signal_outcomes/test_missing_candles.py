"""Signals whose candles are missing: awaited, or ungradable where none will come."""

import numpy as np
import pytest

from inference.signals.entry import Gap
from inference.vocabulary import SignalReason
from predictions.grading.signal_chore import SETTLING_MS
from predictions.grading.signals import PATIENCE_MS
from predictions.models import SignalOutcome
from tests.candle_bars import CLOSE_MS, series
from tests.integration.signal_outcomes.graded_market import END_MS, M1, M15, QUIET, UP, signal
from tests.signal_loops import VENUE

pytestmark = pytest.mark.django_db


def test_run_missing_candles_are_awaited_until_an_import_brings_them(market, say):
    say(signal())
    whole = series([QUIET, UP, *[QUIET] * 10], M15.ms)
    market.put(whole[np.arange(12) != 1])
    assert market.at(END_MS + SETTLING_MS) == 0

    market.put(whole)

    assert market.at(END_MS + PATIENCE_MS) == 1
    assert SignalOutcome.objects.get().result == "take_profit"


def test_run_missing_candles_end_as_path_missing(market, say):
    say(signal())

    assert market.at(END_MS + SETTLING_MS + PATIENCE_MS - 1) == 0
    assert market.at(END_MS + SETTLING_MS + PATIENCE_MS + M15.ms) == 1
    outcome = SignalOutcome.objects.get()
    assert (outcome.status, outcome.reason, outcome.r_multiple) == (
        "ungradable", "path_missing", None,
    )  # fmt: skip


def gap(reason: SignalReason, open_ms: int, symbol: str = "BTCUSDT") -> Gap:
    return Gap(symbol, open_ms, reason, "")


NOT_TRADED = [SignalReason.SYMBOL_HALTED, SignalReason.SYMBOL_DELISTED]


@pytest.mark.parametrize("reason", NOT_TRADED)
def test_run_missing_candles_of_a_coin_that_is_not_traded_are_not_waited_for(market, say, reason):
    say(signal())
    say(signal(symbol="ETHUSDT"))
    say(gaps=[gap(reason, CLOSE_MS)], made_ms=CLOSE_MS + M15.ms + 60_000)
    market.put(series([QUIET, UP], M15.ms))
    market.put(series([QUIET] * 10, M15.ms), symbol="ETHUSDT")

    assert market.at(END_MS - 1) == 0
    assert market.at(END_MS + SETTLING_MS) == 1
    outcome = SignalOutcome.objects.get()
    assert outcome.signal.symbol == "BTCUSDT"
    assert (outcome.status, outcome.reason, outcome.known_ts, outcome.result) == (
        "ungradable", reason.value, END_MS, "",
    )  # fmt: skip


def test_run_whole_path_of_a_coin_that_was_delisted_is_graded(market, say):
    say(signal())
    say(gaps=[gap(SignalReason.SYMBOL_DELISTED, CLOSE_MS)], made_ms=END_MS - 1)
    market.put(series([QUIET, UP, *[QUIET] * 10], M15.ms))

    assert market.at(END_MS + SETTLING_MS) == 1
    assert SignalOutcome.objects.get().result == "take_profit"


@pytest.mark.parametrize("what", ["told too late", "traded again", "another reason", "elsewhere"])
def test_run_missing_candles_of_a_coin_that_was_traded_at_the_end_are_awaited(market, say, what):
    say(signal())
    halt, made_ms = gap(SignalReason.SYMBOL_HALTED, CLOSE_MS), CLOSE_MS + M15.ms
    if what == "told too late":
        say(gaps=[halt], made_ms=END_MS)
    elif what == "another reason":
        say(gaps=[gap(SignalReason.FEED_DOWN, CLOSE_MS)], made_ms=made_ms)
    elif what == "elsewhere":
        say(gaps=[halt], made_ms=made_ms, venue="kraken", live=True)
    else:
        say(gaps=[halt], made_ms=made_ms)
        later_ms = CLOSE_MS + 5 * M15.ms
        say(signal(candle_open_ms=later_ms - M15.ms), made_ms=later_ms + 400)
    assert market.at(END_MS + SETTLING_MS) == 0


def test_run_damaged_candles_are_counted_and_longer_ones_taken(market, say):
    say(signal())
    market.put(series([UP, *[QUIET] * 11], M15.ms))
    market.put(series([QUIET] * 180, M1.ms), M1)
    for part in market.store.folder(VENUE, "BTCUSDT", M1).glob("*.parquet"):
        part.write_bytes(b"no parquet")

    assert market.at(END_MS + SETTLING_MS) == 1
    assert SignalOutcome.objects.get().path_timeframe == "15m"
    assert market.chore.detail()["unreadable"] == 1


def test_run_signals_of_a_run_that_is_over_are_graded_by_what_it_left(market, say):
    say(signal())
    say(signal(symbol="ETHUSDT"))
    down = (100.0, 101.0, 97.0, 98.0)
    market.put(series([down, *[QUIET] * 11], M15.ms))
    market.put(series([down, *[QUIET] * 10], M15.ms), symbol="ETHUSDT")
    market.clock.venue = "simulated/2"

    assert market.at(CLOSE_MS) == 2
    found = SignalOutcome.objects.order_by("signal__symbol")
    assert [(each.result, each.reason) for each in found] == [
        ("stop_loss", ""),
        ("", "path_missing"),
    ]


def test_run_each_venue_is_graded_along_its_own_candles(market, say):
    say(signal())
    say(signal(venue="replay/x/1"), venue="replay/x/1")
    say(signal(venue="external", live=True), venue="external", live=True)
    down = (100.0, 101.0, 97.0, 98.0)
    market.put(series([UP, *[QUIET] * 11], M15.ms))
    market.put(series([QUIET, down, *[QUIET] * 10], M15.ms), venue="replay/x/1")
    market.put(series([QUIET], M15.ms), venue="binance")
    market.clock.venue = "another"

    market.at(CLOSE_MS)
    assert {each.signal.venue: each.result for each in SignalOutcome.objects.all()} == {
        VENUE: "take_profit",
        "replay/x/1": "stop_loss",  # the exchange's first candle, then its own
    }
    market.clock.venue, market.clock.live = "external", True
    market.put(series([QUIET, UP, *[QUIET] * 10], M15.ms), venue="binance")
    assert market.at(END_MS + SETTLING_MS) == 3
