"""Signals of a market that runs on: graded along its candles, each once, a few at a time."""

import numpy as np
import pytest
from django.test import override_settings

from inference.signals.entry import Said
from inference.vocabulary import Direction
from market import keys
from market.candles.store import CandleStore
from market.clock import MarketTime
from predictions.broadcast import OutcomeBroadcast
from predictions.grading.candle_paths import StoredBars
from predictions.grading.price_history import RedisPriceHistory
from predictions.grading.signal_chore import SETTLING_MS, settled_ms
from predictions.grading.signals import PATIENCE_MS, Grade, SaidSignal, grade_signal
from predictions.models import Signal, SignalOutcome
from predictions.recording.loop import build_chores
from tests.candle_bars import CLOSE_MS, series
from tests.integration.signal_outcomes.graded_market import END_MS, M1, M15, QUIET, UP, signal
from tests.made_candles import walk
from tests.signal_loops import VENUE, make_signal

pytestmark = pytest.mark.django_db


def test_run_signal_is_graded_once_its_horizon_has_settled(market, say):
    say(signal())
    say(signal(candle_open_ms=CLOSE_MS))
    market.put(series([QUIET, (100.0, 101.0, 97.0, 98.0), *[QUIET] * 11], M15.ms))

    assert market.at(CLOSE_MS) == 0
    assert market.at(END_MS + SETTLING_MS - 1) == 0
    assert market.at(END_MS + SETTLING_MS) == 1
    outcome = SignalOutcome.objects.get()
    assert (outcome.result, outcome.stop_loss_ts) == ("stop_loss", CLOSE_MS + 2 * M15.ms)
    assert (outcome.r_multiple, outcome.fee_bp) == (-1.0, 10.0)
    assert market.chore.detail() == {
        "graded": 1,
        "ungradable": 0,
        "unreadable": 0,
        "open": 1,
        "last_graded_ms": CLOSE_MS + 5,
    }
    assert market.at(END_MS + SETTLING_MS + M15.ms) == 2


def test_run_every_revision_and_no_trade_is_graded_for_itself(market, say):
    say(signal(), signal(symbol="ETHUSDT", direction=Direction.NO_TRADE))
    say(signal(direction=Direction.SHORT, revision=1))
    for symbol in ("BTCUSDT", "ETHUSDT"):
        market.put(series([UP, *[QUIET] * 11], M15.ms), symbol=symbol)

    market.at(END_MS + SETTLING_MS)

    found = SignalOutcome.objects.order_by("signal__symbol", "signal__revision")
    assert [(each.signal.symbol, each.result, each.touched) for each in found] == [
        ("BTCUSDT", "take_profit", "LONG"),
        ("BTCUSDT", "stop_loss", "LONG"),
        ("ETHUSDT", "no_trade", "LONG"),
    ]


def test_run_again_and_in_another_process_changes_nothing(market, say):
    say(signal())
    market.put(series([UP, *[QUIET] * 11], M15.ms))
    market.at(END_MS + SETTLING_MS)
    before = SignalOutcome.objects.values().get()

    market.chore = market.start()
    market.at(END_MS + PATIENCE_MS)

    assert SignalOutcome.objects.values().get() == before


def test_run_two_recorders_store_one_outcome(market, say):
    say(signal())
    market.put(series([UP, *[QUIET] * 11], M15.ms))
    other = market.start()
    other.run()

    market.at(END_MS + SETTLING_MS)
    while other.run():
        pass

    assert SignalOutcome.objects.count() == 1


def test_run_late_signal_is_ungradable_at_once_and_never_graded(market, say):
    say(signal(candle_open_ms=CLOSE_MS))
    assert market.at(CLOSE_MS) == 0
    say(signal(made_ms=CLOSE_MS + M15.ms))
    market.put(series([UP, *[QUIET] * 11], M15.ms))

    assert market.at(CLOSE_MS) == 1
    assert SignalOutcome.objects.get().reason == "made_too_late"
    assert market.at(END_MS + SETTLING_MS) == 1


def test_run_a_backlog_takes_a_little_at_a_time(market, say):
    symbols = [f"A{number}USDT" for number in range(40)]
    say(*(signal(symbol=symbol) for symbol in symbols))
    for symbol in symbols:
        market.put(series([UP, *[QUIET] * 11], M15.ms), symbol=symbol)
    market.clock.market_ms = END_MS + SETTLING_MS

    assert market.chore.run()
    first = SignalOutcome.objects.count()
    assert 0 < first < 40
    while market.chore.run():
        pass
    assert SignalOutcome.objects.count() == 40


def test_run_outcomes_are_told_to_the_pages(market, say):
    say(signal())
    market.put(series([UP, *[QUIET] * 11], M15.ms))

    market.at(END_MS + SETTLING_MS)

    ((group, message),) = market.layer.sent
    assert (group, message["type"]) == (keys.PREDICTIONS_GROUP, "signal_outcomes")
    (frame,) = message["frames"]
    assert (frame["symbol"], frame["timeframe"], frame["venue"], frame["live"]) == (
        "BTCUSDT", "15m", VENUE, False,
    )  # fmt: skip
    assert (frame["prediction_ts"], frame["result"], frame["r_multiple"]) == (
        CLOSE_MS, "take_profit", 1.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("venue", "live", "expected"),
    [
        ("external", True, 7_000.0 - SETTLING_MS),
        ("binance", True, 7_000.0 - SETTLING_MS),
        ("simulated", False, 7_000.0 - SETTLING_MS),
        ("simulated/3", False, np.inf),
        ("simulated/4", False, 6_000.0 - SETTLING_MS),
    ],
)
def test_settled_time_is_of_the_venue(venue, live, expected):
    running = MarketTime("simulated/4", False, 1_000.0, 6_500.0, 10.0)

    assert settled_ms(venue, live, running, 7_000.0) == expected


def test_settled_time_of_a_run_is_unknown_without_a_market():
    assert settled_ms("simulated/3", False, None, 7_000.0) is None
    assert settled_ms("simulated", False, None, 7_000.0) == 7_000.0 - SETTLING_MS


def test_settled_time_of_a_fast_market_leaves_time_to_write():
    running = MarketTime("simulated/4", False, 1_000.0, 7_000.0, 1_000.0)

    assert settled_ms("simulated/4", False, running, 7_000.0) == 1_000.0 - 5_000_000.0


def test_fast_market_from_signals_to_outcomes_that_recompute(market, say, binary):
    # A day of minutes in steps of half an hour; the clock comes through Redis.
    minutes = walk(24 * 60, seed=3, step_ms=M1.ms, start_ms=CLOSE_MS)
    market.chore.clock = RedisPriceHistory(binary)
    step = 30 * M1.ms
    directions = list(Direction)
    for number in range(49):
        now_ms = CLOSE_MS + number * step
        market_time = MarketTime(VENUE, False, float(now_ms), 0.0, 0.0)
        binary.hset(keys.clock(), mapping=market_time.to_hash())
        closed = minutes[minutes.open_ms + M1.ms <= now_ms]
        if number:
            market.put(closed[-30:], M1)
            entry = float(closed.close[-1])
            direction = directions[number % 3]
            side = -1 if direction is Direction.SHORT else 1
            risk, trades = 0.03 * entry, direction is not Direction.NO_TRADE
            profits = make_signal().take_profits
            say(
                Said(
                    make_signal(
                        candle_open_ms=now_ms - M15.ms,
                        direction=direction,
                        entry=entry,
                        risk=risk,
                        stop_loss=entry - side * risk if trades else None,
                        take_profits=tuple(
                            type(each)(each.level, entry + side * each.level * risk)
                            for each in profits
                            if trades
                        ),
                    )
                )
            )
        market.seconds += 60
        while market.chore.run():
            pass

    assert Signal.objects.count() == 48
    outcomes = SignalOutcome.objects.select_related("signal")
    assert len(outcomes) == 41
    assert {each.path_timeframe for each in outcomes} == {"1m"}
    assert {each.result for each in outcomes} >= {"take_profit", "stop_loss", "no_trade"}
    for outcome in outcomes:
        said = SaidSignal(*(getattr(outcome.signal, name) for name in SaidSignal._fields))
        bars = StoredBars(
            market.store, (VENUE,), said.symbol, since_ms=said.candle_close, until_ms=said.end_ms
        )
        again = grade_signal(said, bars, known_ms=np.inf, fee_bp=10.0)
        assert again == Grade.of(outcome)


def test_recorder_process_grades_signals_with_the_fee_that_is_set(binary, say, tmp_path):
    say(signal())
    CandleStore(tmp_path).upsert(
        VENUE, "BTCUSDT", M15, series([UP, *[QUIET] * 11], M15.ms), closed_by_ms=np.inf
    )
    later = MarketTime(VENUE, False, float(END_MS + SETTLING_MS), 0.0, 0.0)
    binary.hset(keys.clock(), mapping=later.to_hash())
    with override_settings(FEE_BP=25.0, CANDLES_DIR=tmp_path, CANDLE_EXCHANGE="binance"):
        chores = build_chores(binary, OutcomeBroadcast(None))

    (grading,) = [each for each in chores if each.name == "signal_grading"]
    assert not grading.run()
    assert SignalOutcome.objects.get().fee_bp == 25.0
    assert grading.detail()["graded"] == 1
