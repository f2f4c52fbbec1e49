"""What a simulated instrument is worth, and how it is quoted."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.feeds.simulated.fundamental import DAY_MS, HOUR_MS, FundamentalValue
from market.feeds.simulated.instruments import instrument
from tests.unit.simulated_markets import (
    START_MS,
)


def test_fundamental_value_is_the_same_however_it_is_asked() -> None:
    times = [START_MS + step * 777_000 for step in range(300)]
    forward, backward = FundamentalValue((1, 2), 0.8), FundamentalValue((1, 2), 0.8)

    ahead = [forward.at(time) for time in times]
    assert ahead == [backward.at(time) for time in reversed(times)][::-1]


def test_fundamental_value_has_no_jump_at_hours_and_days() -> None:
    value = FundamentalValue((1, 2), 0.8)
    midnight = START_MS // DAY_MS * DAY_MS
    for boundary in range(midnight, midnight + 2 * DAY_MS, HOUR_MS):
        assert abs(value.at(boundary) - value.at(boundary - 1)) < 2e-4


def test_fundamental_value_stays_sane_for_a_year_and_moves() -> None:
    value = FundamentalValue((5, 6), 1.0)
    year = np.array([value.at(START_MS + hours * HOUR_MS) for hours in range(0, 24 * 365, 7)])

    # All slow noises at their largest, on one side.
    assert np.abs(year).max() < 1.35
    assert year.std() > 0.01


def test_fundamental_value_has_the_volatility_asked_for() -> None:
    value = FundamentalValue((9,), 0.8)
    path = np.array([value.at(START_MS + seconds * 1_000) for seconds in range(6 * 3_600)])

    realised_bp = 1e4 * np.sqrt(np.mean(np.diff(path) ** 2))
    assert 0.8 * math.exp(-0.4) < realised_bp < 0.8 * math.exp(0.4)


@given(name=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=2, max_size=12))
def test_instrument_of_any_name_is_tradable(name: str) -> None:
    found = instrument(name)

    assert found == instrument(name)
    assert found.price > 0 and found.tick >= 1 and found.lot >= 1
    # Prices have at most eight decimals, so a coin of 0.00001 moves in steps of 10 bp.
    assert 0.01 < found.tick_bp < 11
    assert found.price * found.lot / 1e8 < 1
