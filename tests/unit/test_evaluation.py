"""The protocol's figures: each against a hand-made value, and intervals that mean 95 %."""

import numpy as np
import pytest

from training import evaluation
from training.alarms import leak_alarms
from training.significance import diebold_mariano, ratio_estimate, time_blocks

Y = np.array([2.0, -1.0, 0.0, 4.0])
PREDICTED = np.array([1.0, 1.0, 1.0, 2.0])
CLASSES = np.array([0, 2, 1, 0])
PROBABILITIES = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0, 1, 0], [1.0, 0, 0]])


def test_r_squared_is_measured_against_no_change() -> None:
    assert evaluation.r_squared(Y, PREDICTED) == pytest.approx(1 - (1 + 4 + 1 + 4) / 21)
    assert evaluation.r_squared(Y, np.zeros(4)) == 0.0


def test_mae_ratio_of_no_change_is_one() -> None:
    assert evaluation.mae_ratio(Y, PREDICTED) == pytest.approx(6 / 7)
    assert evaluation.mae_ratio(Y, np.zeros(4)) == 1.0


def test_hit_rate_leaves_zero_moves_out() -> None:
    assert evaluation.hit_rate(Y, PREDICTED) == pytest.approx(2 / 3)


def test_hit_rate_where_no_direction_was_given_is_unknown() -> None:
    assert np.isnan(evaluation.hit_rate(Y, np.zeros(4)))


def test_log_loss_and_brier_of_known_probabilities() -> None:
    losses = evaluation.log_losses(CLASSES, PROBABILITIES)
    assert losses == pytest.approx([np.log(2), np.log(4), 0, 0])
    scores = evaluation.brier_scores(CLASSES, PROBABILITIES)
    assert scores == pytest.approx([0.375, 0.875, 0, 0])


def test_log_loss_skill_of_the_prior_itself_is_zero() -> None:
    prior = np.array([0.4, 0.2, 0.4])
    skill = evaluation.log_loss_skill(CLASSES, np.tile(prior, (4, 1)), prior)
    assert skill == pytest.approx(0)


def test_covered_counts_the_bounds() -> None:
    inside = evaluation.covered(Y, np.array([2.0, 0, -1, 0]), np.array([3.0, 1, 0, 3]))
    assert inside.tolist() == [1, 0, 1, 0]


def test_calibration_error_of_true_probabilities_is_small_and_of_shifted_ones_is_the_shift() -> (
    None
):
    rng = np.random.default_rng(1)
    probability = rng.uniform(0.1, 0.7, size=200_000)
    happened = (rng.uniform(size=200_000) < probability).astype(float)
    assert evaluation.expected_calibration_error(happened, probability) < 0.006
    shifted = evaluation.expected_calibration_error(happened, probability + 0.2)
    assert shifted == pytest.approx(0.2, abs=0.006)


def test_reliability_bins_hold_equal_numbers() -> None:
    probability = np.linspace(0, 1, 100) ** 3
    bins = evaluation.reliability(np.ones(100), probability)
    assert [count for _, _, count in bins] == [10.0] * 10
    assert [observed for _, observed, _ in bins] == [1.0] * 10


def test_time_blocks_put_all_symbols_of_a_time_together() -> None:
    assert time_blocks(np.array([0, 59_999, 60_000, 10, 600_000])).tolist() == [0, 0, 1, 0, 2]


def test_ratio_estimate_of_few_blocks_has_no_interval() -> None:
    estimate = ratio_estimate(np.ones(4), np.ones(4), np.array([0, 0, 1, 1]), overlap=1)
    assert (estimate.value, estimate.lower, estimate.upper) == (1.0, None, None)


def test_ratio_estimate_of_nothing_is_unknown() -> None:
    empty = np.array([])
    estimate = ratio_estimate(empty, empty, np.array([], dtype=np.int64), overlap=1)
    assert estimate.value is None
    assert estimate.n == 0


def test_ratio_estimate_never_claims_more_than_the_separate_horizons() -> None:
    rng = np.random.default_rng(2)
    blocks = np.repeat(np.arange(40), 30)
    estimate = ratio_estimate(rng.normal(size=1200), np.ones(1200), blocks, overlap=5)
    assert estimate.n_eff is not None
    assert estimate.n_eff <= 240


def test_intervals_on_overlapping_correlated_outcomes_cover_95_percent() -> None:
    # 3 symbols that move together, 2 h, outcomes that overlap five times; the truth is 0.
    rng = np.random.default_rng(7)
    trials, ticks, symbols = 4_000, 3_600, 3
    blocks = np.tile(np.repeat(np.arange(ticks // 60), 60), symbols)
    ones = np.ones(ticks * symbols)
    inside, naive = 0, 0
    for _ in range(trials):
        shared = rng.standard_normal(ticks + 4, dtype=np.float32)
        own = rng.standard_normal((symbols, ticks + 4), dtype=np.float32)
        steps = np.concatenate([np.zeros((symbols, 1)), (shared + own).cumsum(axis=1)], axis=1)
        values = (steps[:, 5:] - steps[:, :-5]).ravel()
        estimate = ratio_estimate(values, ones, blocks, overlap=5)
        assert estimate.value is not None
        assert estimate.lower is not None
        assert estimate.upper is not None
        inside += estimate.lower <= 0 <= estimate.upper
        naive += abs(estimate.value) <= 1.96 * values.std() / np.sqrt(len(values))
    # Monte-Carlo error of a share near 0.95 in 4,000 trials: 0.0034.
    assert 0.94 <= inside / trials <= 0.96
    assert naive / trials < 0.65


def test_diebold_mariano_finds_a_better_model_and_not_an_equal_one() -> None:
    rng = np.random.default_rng(5)
    times = 2_000 * np.arange(3_000)
    base = rng.normal(size=3_000) ** 2
    better = diebold_mariano(
        base - 0.2, base + rng.normal(size=3_000), times, step_ms=2_000, lags=5
    )
    assert better.p is not None
    assert better.p < 0.001
    assert better.gain == pytest.approx(0.2, abs=0.06)
    same = diebold_mariano(base, base, times, step_ms=2_000, lags=5)
    assert same.p is None


def test_diebold_mariano_of_stretches_shorter_than_its_lags_tells_still() -> None:
    rng = np.random.default_rng(7)
    for stretch in (1, 10):
        starts = np.repeat(10_000_000 * np.arange(400 // stretch), stretch)
        times = starts + np.tile(2_000 * np.arange(stretch), 400 // stretch)
        losses = rng.normal(size=400)
        told = diebold_mariano(losses, losses + rng.normal(size=400), times, step_ms=2_000, lags=30)
        assert told.p is not None
        assert 0 < told.p < 1


def test_diebold_mariano_on_overlapping_equal_losses_rejects_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    times = np.concatenate([2_000 * np.arange(400), 10_000_000 + 2_000 * np.arange(400)])
    rejected = 0
    for _ in range(400):
        steps = rng.standard_normal(804).cumsum()
        gains = (steps[4:] - np.concatenate([[0.0], steps[:-5]]))[:800]
        result = diebold_mariano(np.zeros(800), gains, times, step_ms=2_000, lags=10)
        assert result.p is not None
        rejected += result.p < 0.05
    # Bartlett weights shrink the variance a little, so somewhat more than 5 % is expected.
    assert rejected / 400 < 0.10


@pytest.mark.parametrize(
    ("figures", "alarms"),
    [
        ({"r2": 0.03, "hit_rate": 0.58, "mae_ratio": 0.99}, 0),
        ({"r2": None, "hit_rate": None, "mae_ratio": None}, 0),
        ({"r2": 0.13}, 1),
        ({"hit_rate": 0.71}, 1),
        ({"mae_ratio": 0.92}, 1),
        ({"r2": 0.5, "hit_rate": 0.9, "mae_ratio": 0.5}, 3),
    ],
)
def test_leak_alarms_ring_past_the_published_limits(
    figures: dict[str, float | None], alarms: int
) -> None:
    assert len(leak_alarms(figures)) == alarms
