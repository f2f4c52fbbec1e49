"""The grading arithmetic, against figures worked out by hand."""

import math

import numpy as np
import pytest

from inference.forecasts.entry import COLUMN, COLUMNS, TickEntry
from inference.forecasts.outcomes import grade, target_mids
from inference.vocabulary import Reason
from market.hot.vector import FEATURE_COUNT

NAN = math.nan


def test_grade_forecast_of_a_rise_that_came_is_a_hit() -> None:
    grades = grade(mid=100.0, predicted=100.02, lower=99.9, upper=100.1, target_mid=100.01)

    assert grades.return_bp == pytest.approx(1e4 * math.log(100.01 / 100.0))
    assert grades.error_bp == pytest.approx(1e4 * math.log(100.02 / 100.01))
    assert grades.no_change_error_bp == pytest.approx(-1e4 * math.log(100.01 / 100.0))
    assert grades.direction_hit == 1.0
    assert grades.covered == 1.0


def test_grade_forecast_of_a_rise_in_a_fall_is_a_miss() -> None:
    grades = grade(mid=100.0, predicted=100.5, lower=99.9, upper=100.9, target_mid=99.0)

    assert grades.direction_hit == 0.0
    assert grades.covered == 0.0


@pytest.mark.parametrize(
    ("predicted", "target_mid"), [(100.5, 100.0), (100.0, 100.5), (NAN, 100.5)]
)
def test_grade_without_move_or_direction_has_no_hit(predicted: float, target_mid: float) -> None:
    grades = grade(mid=100.0, predicted=predicted, lower=NAN, upper=NAN, target_mid=target_mid)

    assert np.isnan(grades.direction_hit)


@pytest.mark.parametrize(("target_mid", "covered"), [(99.0, 1.0), (101.0, 1.0), (101.01, 0.0)])
def test_grade_interval_includes_its_ends(target_mid: float, covered: float) -> None:
    grades = grade(mid=100.0, predicted=100.0, lower=99.0, upper=101.0, target_mid=target_mid)

    assert grades.covered == covered


@pytest.mark.parametrize(("lower", "upper"), [(NAN, 101.0), (99.0, NAN), (NAN, NAN)])
def test_grade_without_interval_has_no_coverage(lower: float, upper: float) -> None:
    grades = grade(mid=100.0, predicted=100.1, lower=lower, upper=upper, target_mid=100.0)

    assert np.isnan(grades.covered)


@pytest.mark.parametrize("unknown", [NAN, math.inf, 0.0, -5.0])
def test_grade_unknown_price_makes_only_its_own_figures_unknown(unknown: float) -> None:
    grades = grade(
        mid=[unknown, 100.0, 100.0],
        predicted=[100.1, unknown, 100.1],
        lower=99.0,
        upper=101.0,
        target_mid=[100.2, 100.2, unknown],
    )

    assert np.isnan(grades.return_bp).tolist() == [True, False, True]
    assert np.isnan(grades.error_bp).tolist() == [False, True, True]
    assert np.isnan(grades.no_change_error_bp).tolist() == [True, False, True]
    assert np.isnan(grades.direction_hit).tolist() == [True, True, True]
    assert np.isnan(grades.covered).tolist() == [False, False, True]


def test_grade_of_arrays_equals_grade_of_each() -> None:
    generator = np.random.default_rng(7)
    mid = 100 + generator.normal(size=50)
    predicted, target = mid + generator.normal(size=50), mid + generator.normal(size=50)
    lower, upper = predicted - 0.5, predicted + 0.5

    together = grade(mid=mid, predicted=predicted, lower=lower, upper=upper, target_mid=target)

    for index in range(50):
        alone = grade(
            mid=mid[index],
            predicted=predicted[index],
            lower=lower[index],
            upper=upper[index],
            target_mid=target[index],
        )
        assert together.return_bp[index] == alone.return_bp
        assert together.error_bp[index] == alone.error_bp
        assert together.direction_hit[index] == alone.direction_hit
        assert together.covered[index] == alone.covered


def test_target_mids_old_void_and_untrusted_mids_are_unknown() -> None:
    reasons = ["", Reason.STALE_FEATURES, Reason.STALE_FEATURES, Reason.CROSSED_BOOK, ""]
    numbers = np.full((len(COLUMNS), 5), NAN)
    numbers[COLUMN["mid_price"]] = [100.0, 101.0, 102.0, 103.0, NAN]
    numbers[COLUMN["features_age_ms"]] = [10.0, 4_000.0, 5_001.0, 10.0, 10.0]
    entry = TickEntry(
        venue="test",
        live=False,
        tick=1,
        tick_ms=2_000,
        made_ms=2_001.0,
        horizon_ms=10_000,
        latency_ms=1.0,
        missed=0,
        shard=0,
        token=1,
        prev=bytes(32),
        model_version="v1",
        base_version="v1",
        role="champion",
        digest="",
        symbols=["A0", "B0", "C0", "D0", "E0"],
        sources=["redis"] * 5,
        reasons=[str(reason) for reason in reasons],
        numbers=numbers,
        features=np.zeros((5, FEATURE_COUNT)),
    )

    usable = target_mids(entry)

    assert usable[:2].tolist() == [100.0, 101.0]
    assert np.isnan(usable[2:]).all()
