"""First touches on paths made by hand: entry 100, R 2, so barriers at 98 and 102."""

import numpy as np
import pytest

from market.candles.series import CandleSeries
from training.signals.labels import LONG, NO_TRADE, SHORT, Path, Touches, first_touches

MINUTE = 60_000
STEP = 15 * MINUTE
Bar = tuple[float, float, float]  # open, high, low
QUIET: Bar = (100.0, 101.0, 99.0)


def _path(bars: list[Bar], step_ms: int = STEP, start_ms: int = 0) -> Path:
    table = np.array(bars)
    opens = start_ms + step_ms * np.arange(len(bars), dtype=np.int64)
    zeros = np.zeros(len(bars))
    flags = np.zeros(len(bars), dtype=np.bool_)
    open_, high, low = table.T
    series = CandleSeries(opens, open_, high, low, open_, zeros, flags)
    return Path(series, step_ms)


def _touch(*paths: Path, horizon: int = 12 * STEP, decided: int = 0) -> Touches:
    return first_touches(np.array([decided]), np.array([100.0]), np.array([2.0]), paths, horizon)


def _labelled(bars: list[Bar]) -> tuple[int, float]:
    touches = _touch(_path(bars + [QUIET] * (12 - len(bars))))
    assert touches.complete.all()
    return int(touches.label[0]), float(touches.minutes[0])


def test_first_touch_of_a_quiet_path_is_no_trade() -> None:
    label, minutes = _labelled([QUIET])
    assert label == NO_TRADE
    assert np.isnan(minutes)


@pytest.mark.parametrize(
    ("bars", "label", "minutes"),
    [
        ([QUIET, (100, 102, 99)], LONG, 30),
        ([QUIET, (100, 101, 98)], SHORT, 30),
        ([(100, 102, 99), (100, 101, 90)], LONG, 15),
        ([(100, 101, 98), (100, 110, 99)], SHORT, 15),
        ([QUIET] * 11 + [(100, 103, 99)], LONG, 180),
    ],
)
def test_first_touch_within_a_bar_counts_at_its_close(
    bars: list[Bar], label: int, minutes: float
) -> None:
    assert _labelled(bars) == (label, minutes)


@pytest.mark.parametrize(
    ("bars", "label", "minutes"),
    [
        ([(102.5, 103, 102)], LONG, 0),
        ([(97, 103, 96)], SHORT, 0),  # the open came before the high
        ([(103, 104, 97)], LONG, 0),
        ([QUIET, (97, 98, 96)], SHORT, 15),
    ],
)
def test_first_touch_of_an_open_beyond_a_barrier_counts_at_the_open(
    bars: list[Bar], label: int, minutes: float
) -> None:
    assert _labelled(bars) == (label, minutes)


def test_first_touch_of_both_barriers_in_one_bar_is_no_trade() -> None:
    label, minutes = _labelled([QUIET, (100, 102, 98), (100, 105, 99)])
    assert label == NO_TRADE
    assert np.isnan(minutes)


def test_first_touch_of_both_in_one_bar_is_refined_by_a_finer_path() -> None:
    coarse = _path([(100, 102, 98)] + [QUIET] * 11)
    finer = _path([QUIET, (100, 101, 98), (100, 102, 99)] + [QUIET] * 33, step_ms=5 * MINUTE)
    touches = _touch(finer, coarse)
    assert touches.label[0] == SHORT
    assert touches.minutes[0] == 10


def test_first_touch_with_a_gap_in_the_finer_path_takes_the_coarser() -> None:
    coarse = _path([(100, 102, 99)] + [QUIET] * 11)
    whole = _path([(100, 101, 98)] * 36, step_ms=5 * MINUTE).candles
    holed = Path(whole[np.arange(36) != 20], 5 * MINUTE)
    touches = _touch(holed, coarse)
    assert touches.label[0] == LONG


def test_first_touch_after_the_vertical_barrier_does_not_count() -> None:
    touches = _touch(_path([QUIET] * 12 + [(100, 110, 99)]))
    assert touches.label[0] == NO_TRADE


def test_first_touch_on_a_path_that_ends_early_is_incomplete() -> None:
    touches = _touch(_path([(100, 110, 99)] * 11))
    assert not touches.complete[0]


def test_first_touch_on_a_path_that_starts_late_is_incomplete() -> None:
    touches = _touch(_path([QUIET] * 20, start_ms=STEP))
    assert not touches.complete[0]


def test_next_open_is_the_paths_first_price() -> None:
    touches = _touch(_path([(100.5, 101, 99)] + [QUIET] * 11))
    assert touches.next_open[0] == 100.5
