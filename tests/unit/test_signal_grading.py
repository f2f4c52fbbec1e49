"""What becomes of a signal, along paths made by hand and along recorded candles."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.signals.levels import HORIZON_CANDLES
from inference.vocabulary import Direction
from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe
from predictions.grading.signals import (
    PATIENCE_MS,
    BarsOf,
    Grade,
    SaidSignal,
    grade_signal,
)
from predictions.grading.touching import Bars
from tests.candle_bars import CLOSE_MS, Bar, bars, merged, said
from tests.recordings import candle_file
from training.signals.candles import FeatherFolders
from training.signals.labels import Path as LabelPath
from training.signals.labels import first_touches

M1, M5, M15, H1 = Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1
QUIET: Bar = (100.0, 101.0, 99.0, 100.0)
UP: Bar = (100.0, 102.5, 99.0, 102.0)
DOWN: Bar = (100.0, 101.0, 97.5, 98.0)
BOTH: Bar = (100.0, 102.0, 98.0, 100.0)


GIVEN_UP_MS = CLOSE_MS + 12 * M15.ms + PATIENCE_MS


def of(*known: Bars) -> BarsOf:
    """Return what reads these candles, and none of any other length."""
    by_step = {each.step_ms: each for each in known}
    return lambda timeframe: by_step.get(timeframe.ms, Bars(CandleSeries.empty(), timeframe.ms))


def path(*given: Bar, timeframe: Timeframe = M15, count: int = 12) -> Bars:
    """Return the given bars, quiet ones behind them."""
    return bars([*given, *[QUIET] * (count - len(given))], timeframe)


def graded(
    signal: SaidSignal, *known: Bars, known_ms: float = math.inf, fee_bp: float = 10.0
) -> Grade:
    grade = grade_signal(signal, of(*known), known_ms=known_ms, fee_bp=fee_bp)
    assert grade is not None
    return grade


def closed(count: int, timeframe: Timeframe = M15) -> int:
    return CLOSE_MS + count * timeframe.ms


def test_grade_first_target_earns_one_risk_less_fees():
    grade = graded(said(), path(QUIET, UP))

    assert (grade.status, grade.result, grade.touched) == ("graded", "take_profit", "LONG")
    assert (grade.take_profit_1_ts, grade.take_profit_2_ts) == (closed(2), None)
    assert (grade.ended_ts, grade.exit_price) == (closed(2), 102.0)
    assert grade.r_multiple == 1.0
    assert grade.r_after_fees == pytest.approx(1.0 - (0.1 + 0.102) / 2)
    assert (grade.fee_bp, grade.path_timeframe) == (10.0, "15m")
    assert (grade.tp_minutes, grade.eta_covered) == (30.0, True)


def test_grade_stop_loss_costs_one_risk_and_fees():
    grade = graded(said(direction=Direction.SHORT), path(QUIET, UP))

    assert (grade.result, grade.touched) == ("stop_loss", "LONG")
    assert (grade.stop_loss_ts, grade.exit_price, grade.ended_ts) == (closed(2), 102.0, closed(2))
    assert grade.r_multiple == -1.0
    assert grade.r_after_fees == pytest.approx(-1.0 - (0.1 + 0.102) / 2)
    assert (grade.tp_minutes, grade.eta_covered) == (None, None)


def test_grade_open_beyond_the_stop_loses_more_than_one_risk():
    grade = graded(said(), path(QUIET, (96.0, 97.0, 95.0, 96.0)))

    assert (grade.exit_price, grade.r_multiple) == (96.0, -2.0)


def test_grade_untouched_horizon_times_out_at_its_last_close():
    grade = graded(said(), path(*[QUIET] * 11, (100.0, 101.0, 99.0, 100.5)))

    assert (grade.result, grade.touched) == ("timed_out", "NO_TRADE")
    assert (grade.exit_price, grade.r_multiple, grade.ended_ts) == (100.5, 0.25, closed(12))


def test_grade_touch_after_the_horizon_counts_no_more():
    assert graded(said(), path(*[QUIET] * 12, UP)).result == "timed_out"


def test_grade_highest_target_is_followed_until_the_stop():
    grade = graded(said(), path(UP, (102.0, 104.5, 101.0, 103.0), (103.0, 107.0, 97.0, 98.0)))

    assert (grade.result, grade.r_multiple, grade.ended_ts) == ("take_profit", 1.0, closed(1))
    assert (grade.take_profit_2_ts, grade.take_profit_3_ts) == (closed(2), None)
    assert grade.stop_loss_ts == closed(3)


@pytest.mark.parametrize(
    ("bar", "touched"), [(UP, "LONG"), (DOWN, "SHORT"), (BOTH, "NO_TRADE"), (QUIET, "NO_TRADE")]
)
def test_grade_no_trade_has_the_barrier_and_nothing_of_the_trade(bar, touched):
    grade = graded(said(direction=Direction.NO_TRADE), path(bar))

    ended = closed(12) if bar is QUIET else closed(1)
    assert grade == Grade(
        "graded",
        closed(12),
        result="no_trade",
        touched=touched,
        path_timeframe="15m",
        ended_ts=ended,
        entry_gap_bp=0.0,
    )


@pytest.mark.parametrize("direction", [Direction.LONG, Direction.SHORT])
def test_grade_both_in_the_finest_bar_is_the_stop_and_no_label(direction):
    grade = graded(said(direction=direction), path(BOTH))

    assert (grade.result, grade.r_multiple, grade.touched) == ("stop_loss", -1.0, "NO_TRADE")


@pytest.mark.parametrize(("minutes", "covered"), [(5, False), (15, True), (60, True), (65, False)])
def test_grade_time_to_the_target_is_held_against_both_ends_of_the_eta(minutes, covered):
    count = minutes // 5
    grade = graded(said(), path(*[QUIET] * (count - 1), UP, timeframe=M5, count=36))

    assert (grade.tp_minutes, grade.eta_covered) == (minutes, covered)


def test_grade_signal_without_an_eta_is_not_held_against_one():
    signal = said(tp_eta_low_minutes=None, tp_eta_high_minutes=None)

    assert graded(signal, path(UP)).eta_covered is None


def test_grade_entry_gap_is_of_the_first_open():
    grade = graded(said(), path((100.5, 101, 99, 100)))

    assert grade.entry_gap_bp == pytest.approx(1e4 * math.log(1.005))


def test_grade_goes_along_the_finest_path_that_is_complete():
    minutes = [QUIET] * 180
    minutes[7] = UP
    coarse = path(DOWN)

    assert graded(said(), coarse, bars(minutes, M1)).tp_minutes == 8.0
    holed = Bars(bars(minutes, M1).candles[np.arange(180) != 3], M1.ms)
    assert graded(said(), coarse, holed).result == "stop_loss"
    assert graded(said(), coarse, holed, path(UP, timeframe=M5, count=36)).path_timeframe == "5m"


def test_grade_never_goes_along_longer_candles_than_its_own():
    hours = path(UP, timeframe=H1)

    assert graded(said(), hours).reason == "path_missing"


def test_grade_bar_that_holds_both_is_looked_into_where_minutes_cover_it():
    minutes = bars([QUIET] * 3 + [UP] + [DOWN] + [QUIET] * 10, M1, closed(1))

    grade = graded(said(), path(QUIET, BOTH), minutes)

    assert (grade.result, grade.path_timeframe) == ("take_profit", "15m")
    assert grade.take_profit_1_ts == closed(1) + 4 * M1.ms


def test_grade_path_is_awaited_and_then_missing():
    holed = Bars(path(QUIET, UP).candles[[0, 2, 3]], M15.ms)

    def at(known_ms: float) -> Grade | None:
        return grade_signal(said(), of(holed), known_ms=known_ms, fee_bp=10.0)

    assert at(closed(5)) is None
    assert at(closed(12) + PATIENCE_MS - 1) is None
    assert at(closed(12) + PATIENCE_MS) == Grade("ungradable", GIVEN_UP_MS, "path_missing")
    assert at(math.inf) == Grade("ungradable", GIVEN_UP_MS, "path_missing")


def test_grade_needs_the_whole_path_even_where_the_stop_was_touched_first():
    cut = Bars(path(DOWN).candles[list(range(11))], M15.ms)

    assert graded(said(), cut) == Grade("ungradable", GIVEN_UP_MS, "path_missing")
    assert graded(said(), path(DOWN)).result == "stop_loss"


def test_grade_late_signal_is_ungradable_at_once():
    grade = grade_signal(said(late=True), of(), known_ms=CLOSE_MS, fee_bp=10.0)

    assert grade == Grade("ungradable", said().valid_until_ts, "made_too_late")


@pytest.mark.parametrize("given", [[QUIET, DOWN], [(100, 107, 99, 106)], [UP], [QUIET]])
def test_grade_comes_with_the_end_of_the_horizon_however_early_it_was_decided(given):
    known = path(*given)

    def at(known_ms: int) -> Grade | None:
        return grade_signal(said(), of(known), known_ms=known_ms, fee_bp=10.0)

    assert at(closed(12) - 1) is None
    assert at(closed(12)) is not None
    assert at(closed(12)) == at(closed(99))


def test_grade_opens_for_later_entries_end_with_validity_touch_and_ten_minutes():
    flat = [QUIET] * 2880
    touched = [*flat]
    touched[4] = DOWN

    def opens(timeframe: Timeframe, minutes: list[Bar], **changes: int) -> list[list[float]]:
        count = 12 * timeframe.ms // M1.ms
        signal = said(timeframe, **changes)
        return graded(signal, bars(minutes[:count], M1)).entry_opens

    assert opens(M15, flat) == [[0, 100.0], [60_000, 100.0]]
    assert [at for at, _ in opens(Timeframe.H4, flat)] == [at * 60_000 for at in range(11)]
    assert [at for at, _ in opens(Timeframe.H4, touched)] == [at * 60_000 for at in range(5)]
    assert graded(said(), path(UP)).entry_opens == [[0, 100.0]]
    assert graded(said(), path((97.0, 98, 96, 97))).entry_opens == []


random_bars = st.lists(
    st.tuples(*[st.integers(96, 104)] * 2, st.integers(0, 2), st.integers(0, 2)).map(
        lambda of: (
            float(of[0]),
            float(max(of[:2]) + of[2]),
            float(min(of[:2]) - of[3]),
            float(of[1]),
        )
    ),
    min_size=36,
    max_size=36,
)


@settings(max_examples=150, deadline=None)
@given(random_bars, st.sampled_from(list(Direction)), st.sets(st.integers(0, 35), max_size=3))
def test_grade_again_is_the_same_along_the_finest_whole_path(given, direction, holes):
    signal = said(direction=direction, risk=3.0)
    minutes = [QUIET] * 3 + given[3:]
    fives = bars(minutes, M5).candles[[row for row in range(36) if row not in holes]]
    known = (Bars(fives, M5.ms), bars(merged(minutes, 3), M15))

    grade = graded(signal, *known, known_ms=closed(12))

    assert grade.path_timeframe == ("15m" if holes else "5m")
    assert graded(signal, *known) == grade
    along = Timeframe(grade.path_timeframe)
    assert grade_signal(signal, of(*known), known_ms=math.inf, fee_bp=10.0, along=along) == grade


def test_grade_again_along_the_path_that_was_taken_is_the_same_though_a_finer_one_came():
    signal, known = said(), path(QUIET, UP)
    first = graded(signal, known)
    minutes = bars([QUIET] * 180, M1)

    assert graded(signal, known, minutes).path_timeframe == "1m"
    along = grade_signal(
        signal, of(known, minutes), known_ms=math.inf, fee_bp=10.0, along=Timeframe.M15
    )
    assert along == first


@pytest.mark.parametrize("timeframe", [M15, H1])
def test_grade_touches_of_recorded_candles_are_the_labels_of_training(timeframe):
    source = FeatherFolders(candle_file("ETH", "5m").parents[1])
    own, fives = (source.read("ETHUSDT", each) for each in (timeframe, M5))
    rows = np.arange(300, len(own) - HORIZON_CANDLES - 1, 97)[:120]
    decided, entry = own.open_ms[rows] + timeframe.ms, own.close[rows]
    risk = entry * 0.006 * math.sqrt(timeframe.ms / M15.ms)
    labels = first_touches(
        decided,
        entry,
        risk,
        (LabelPath(fives, M5.ms), LabelPath(own, timeframe.ms)),
        HORIZON_CANDLES * timeframe.ms,
    )
    known = (Bars(fives, M5.ms), Bars(own, timeframe.ms))

    results = []
    for row, label in enumerate(labels.label.tolist()):
        for direction in Direction:
            signal = said(
                timeframe,
                candle_close=int(decided[row]),
                direction=direction,
                entry=float(entry[row]),
                risk=float(risk[row]),
            )
            grade = graded(signal, *known)
            assert grade.touched == list(Direction)[label].value
            assert grade.path_timeframe == "5m"
            assert grade.entry_gap_bp == pytest.approx(
                1e4 * math.log(labels.next_open[row] / entry[row])
            )
            if grade.result == "take_profit":
                assert grade.tp_minutes == labels.minutes[row]
            results.append(grade.result)
    assert {"take_profit", "stop_loss", "timed_out", "no_trade"} == set(results)
