"""Volatility over a minute of mids, whole and with a hole."""

import math

from market.hot.windows import CELLS_1S, MidWindow

MID = 2_000_000
SECONDS = 90


def minute(void: range, seconds: int = SECONDS) -> MidWindow:
    """Return a window after some seconds of mids that move each second; void: those that lack."""
    window = MidWindow()
    for cell in range(seconds * CELLS_1S):
        second = cell // CELLS_1S
        window.close_cell(None if second in void else MID + second % 7)
    return window


def squares(seconds: range, void: range) -> list[float]:
    known = [each for each in seconds if each not in void and each - 1 not in void]
    mids = [(MID + each % 7, MID + (each - 1) % 7) for each in known]
    return [(1e4 * math.log(now / then)) ** 2 for now, then in mids]


def test_volatility_without_a_hole_is_of_sixty_returns() -> None:
    expected = squares(range(SECONDS - 60, SECONDS), range(0))

    assert len(expected) == 60
    assert minute(range(0)).volatility_bp() == math.sqrt(math.fsum(expected) / 60)


def test_volatility_after_a_short_hole_is_of_the_returns_that_are_known() -> None:
    hole = range(70, 84)
    expected = squares(range(SECONDS - 60, SECONDS), hole)

    assert len(expected) == 45
    assert minute(hole).volatility_bp() == math.sqrt(math.fsum(expected) / 45)


def test_volatility_after_a_longer_hole_is_void() -> None:
    assert math.isnan(minute(range(70, 85)).volatility_bp())


def test_volatility_of_a_window_that_is_not_full_yet_is_void() -> None:
    assert math.isnan(minute(range(0), seconds=59).volatility_bp())
    assert math.isnan(minute(range(0, 2), seconds=59).volatility_bp())
    assert not math.isnan(minute(range(0, 2), seconds=61).volatility_bp())
