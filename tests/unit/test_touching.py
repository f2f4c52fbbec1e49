"""First touches, on paths made by hand and against a grader that goes bar by bar."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.candles.timeframes import Timeframe
from predictions.grading.touching import Barriers, Bars, Touches, touches
from tests.candle_bars import CLOSE_MS, Bar, bars, merged

M1, M5, M15 = Timeframe.M1, Timeframe.M5, Timeframe.M15
LONG = Barriers(1, 98.0, (102.0, 104.0, 106.0))
SHORT = Barriers(-1, 102.0, (98.0, 96.0, 94.0))
QUIET: Bar = (100.0, 101.0, 99.0, 100.0)
BOTH: Bar = (100.0, 102.0, 98.0, 100.0)


def walked(given: list[Bar], barriers: Barriers = LONG, *finer: Bars) -> Touches:
    path = bars(given, M5).whole(CLOSE_MS, CLOSE_MS + len(given) * M5.ms)
    assert path is not None
    return touches(path, barriers, finer)


def closed(count: float) -> int:
    """Return the close of the count-th bar of five minutes."""
    return CLOSE_MS + round(count * M5.ms)


def test_touches_quiet_path_touches_nothing():
    assert walked([QUIET] * 3) == Touches(None, None, (None, None, None))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ([QUIET, (100, 102, 99, 101)], Touches(None, None, (closed(2), None, None))),
        ([(100, 104.5, 99, 104)], Touches(None, None, (closed(1), closed(1), None))),
        ([QUIET, (100, 101, 98, 99)], Touches(closed(2), 98.0, (None, None, None))),
        (
            [(100, 102, 99, 101), (101, 101, 97, 98)],
            Touches(closed(2), 98.0, (closed(1), None, None)),
        ),
        ([(100, 107, 99, 106)], Touches(None, None, (closed(1),) * 3)),
    ],
)
def test_touches_barrier_counts_at_the_close_of_its_bar(path, expected):
    assert walked(path) == expected


def test_touches_short_is_a_long_upside_down():
    assert walked([QUIET, (100, 101, 95.5, 96)], SHORT) == Touches(
        None, None, (closed(2), closed(2), None)
    )
    assert walked([(100, 103, 99, 100)], SHORT) == Touches(closed(1), 102.0, (None, None, None))


def test_touches_both_in_one_bar_is_the_stop():
    assert walked([QUIET, BOTH]) == Touches(closed(2), 98.0, (None,) * 3, tied=True)


def test_touches_later_target_and_stop_in_one_bar_is_the_stop_and_no_tie():
    found = walked([(100, 102, 99, 101), (101, 104, 98, 100)])

    assert found == Touches(closed(2), 98.0, (closed(1), None, None), tied=False)


def test_touches_open_beyond_a_target_comes_before_the_stop_of_its_bar():
    found = walked([QUIET, (102.5, 104.5, 97, 98)])

    assert found == Touches(closed(2), 98.0, (closed(1), None, None))


def test_touches_open_beyond_the_stop_leaves_at_that_open():
    found = walked([QUIET, (97.0, 103, 96, 100)])

    assert found == Touches(closed(1), 97.0, (None, None, None))


def test_touches_finer_bars_tell_which_came_first():
    minutes = [QUIET, (100, 102, 99, 101), QUIET, (100, 100, 98, 99), QUIET]
    up_first, down_first = bars(minutes, M1, closed(1)), bars(minutes[::-1], M1, closed(1))

    assert walked([QUIET, BOTH], LONG, up_first) == Touches(
        closed(1) + 4 * M1.ms, 98.0, (closed(1) + 2 * M1.ms, None, None)
    )
    assert walked([QUIET, BOTH], LONG, down_first) == Touches(
        closed(1) + 2 * M1.ms, 98.0, (None, None, None)
    )


@pytest.mark.parametrize(
    "minutes",
    [
        [QUIET, (100, 102, 98, 100), QUIET, QUIET, QUIET],  # they hold both, too
        [QUIET] * 5,  # they saw nothing of it
        [QUIET, (100, 102, 99, 101), QUIET, QUIET],  # one is missing
    ],
)
def test_touches_finer_bars_that_do_not_tell_leave_it_to_the_rule(minutes):
    found = walked([QUIET, BOTH], LONG, bars(minutes, M1, closed(1)))

    assert found.stop_price == 98.0
    assert found.target_ts == (None, None, None)
    assert found.tied


def test_whole_is_a_path_only_where_no_candle_is_missing():
    candles = bars([QUIET] * 6, M5).candles

    def whole(*rows: int) -> bool:
        return Bars(candles[list(rows)], M5.ms).whole(closed(1), closed(4)) is not None

    assert whole(1, 2, 3)
    assert whole(0, 1, 2, 3, 4, 5)
    assert not whole(1, 2)
    assert not whole(2, 3)
    assert not whole(1, 3)
    assert not whole(0, 1, 3, 4, 5)
    assert not whole()


def by_hand(
    given: list[Bar], barriers: Barriers, finer: dict[int, list[Bar]], step: float, start: float = 0
) -> tuple[float | None, list[float | None]]:
    """Go bar by bar; times in bars of five minutes. finer: the five minutes of a bar, if known."""
    side = barriers.side
    reached: list[float | None] = [None] * len(barriers.targets)
    for number, (opened, high, low, _) in enumerate(given):
        opens, closes = start + number * step, start + (number + 1) * step
        best, worst = (high, low) if side > 0 else (low, high)
        for each, target in enumerate(barriers.targets):
            if reached[each] is None and side * opened >= side * target:
                reached[each] = opens
        if side * opened <= side * barriers.stop:
            return opens, reached
        stopped = side * worst <= side * barriers.stop
        hit = [
            each
            for each, target in enumerate(barriers.targets)
            if reached[each] is None and side * best >= side * target
        ]
        if stopped and hit and number in finer:
            inner = Barriers(side, barriers.stop, tuple(barriers.targets[each] for each in hit))
            stop, times = by_hand(finer[number], inner, {}, step / len(finer[number]), opens)
            for each, time in zip(hit, times, strict=True):
                reached[each] = time
            return closes if stop is None else stop, reached
        if stopped:
            return closes, reached
        for each in hit:
            reached[each] = closes
    return None, reached


prices = st.integers(91, 109).map(float)


@st.composite
def made_bars(draw: st.DrawFn, count: int) -> list[Bar]:
    found = []
    for _ in range(count):
        opened, close = draw(prices), draw(prices)
        high = max(opened, close) + draw(st.integers(0, 3))
        low = min(opened, close) - draw(st.integers(0, 3))
        found.append((opened, high, low, close))
    return found


@settings(max_examples=300, deadline=None)
@given(made_bars(count=30), st.sampled_from([LONG, SHORT]), st.sets(st.integers(0, 5)))
def test_touches_equal_those_of_a_bar_by_bar_grader(minutes, barriers, known):
    # Quieter at first, or nearly every path would end in its first bar.
    minutes = [QUIET] * 5 + minutes[5:]
    path = merged(minutes, 5)
    finer = {number: minutes[5 * number : 5 * number + 5] for number in known}
    rows = [row for number in sorted(known) for row in range(5 * number, 5 * number + 5)]
    partly = Bars(bars(minutes, M1).candles[rows], M1.ms)

    found = walked(path, barriers, partly)

    stop, reached = by_hand(path, barriers, finer, 1.0)
    assert found.stop_ts == (None if stop is None else closed(stop))
    assert found.target_ts == tuple(None if each is None else closed(each) for each in reached)


@settings(max_examples=200, deadline=None)
@given(made_bars(count=30), st.sampled_from([LONG, SHORT]))
def test_touches_of_long_bars_with_minutes_inside_are_those_of_the_minutes(minutes, barriers):
    minutes = [QUIET] * 7 + minutes[7:]
    path = bars(minutes, M1).whole(CLOSE_MS, closed(6))
    assert path is not None
    along_minutes = touches(path, barriers)

    along_longer = walked(merged(minutes, 5), barriers, bars(minutes, M1))

    assert (along_longer.stop_ts is None) == (along_minutes.stop_ts is None)
    assert [each is None for each in along_longer.target_ts] == [
        each is None for each in along_minutes.target_ts
    ]
    assert along_longer.tied == along_minutes.tied
