"""Intervals that mean what they say, on outcomes that overlap and move together."""

from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from predictions.accuracy.intervals import (
    MOST_BLOCKS,
    SEQUENCE_BLOCKS,
    Floats,
    block_estimate,
    hit_rate_sequence,
    ratio_estimate,
)
from predictions.accuracy.student import t_quantile

TICKS_A_BLOCK = 30
OVERLAP = 5


@pytest.mark.parametrize("probability", [0.51, 0.9, 0.975, 0.999, 0.05])
@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 30, 101, 400, 401, 5_000])
def test_t_quantile_is_the_one_of_scipy(probability: float, freedom: int) -> None:
    expected = stats.t.ppf(probability, freedom)
    assert t_quantile(probability, freedom) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("probability", "freedom"), [(0.0, 5), (1.0, 5), (0.9, 0)])
def test_t_quantile_outside_its_bounds_is_refused(probability: float, freedom: int) -> None:
    with pytest.raises(ValueError, match="no quantile"):
        t_quantile(probability, freedom)


def test_block_estimate_from_sums_is_the_one_from_rows() -> None:
    rng = np.random.default_rng(3)
    above, below = rng.normal(size=1_000), rng.uniform(1, 2, size=1_000)
    blocks = np.repeat(np.arange(20), 50)
    rows = ratio_estimate(above, below, blocks, overlap=OVERLAP)
    sums = block_estimate(
        above.reshape(20, 50).sum(axis=1),
        below.reshape(20, 50).sum(axis=1),
        n=1_000,
        moments=(float(above @ above), float(above @ below), float(below @ below)),
        overlap=OVERLAP,
    )
    assert (sums.n, sums.blocks) == (rows.n, rows.blocks)
    for name in ("value", "lower", "upper", "n_eff"):
        assert getattr(sums, name) == pytest.approx(getattr(rows, name), rel=1e-9)


def test_block_estimate_without_moments_has_no_effective_size() -> None:
    estimate = block_estimate(np.arange(9.0), np.full(9, 10.0), n=90)
    assert estimate.n_eff is None
    assert estimate.lower is not None


def test_block_estimate_of_a_month_joins_neighbours_and_keeps_its_interval() -> None:
    sums, ones = np.random.default_rng(1).normal(size=30_000), np.ones(30_000)
    found = block_estimate(sums, ones, n=30_000)
    assert found.blocks == MOST_BLOCKS
    assert found.value == sums.mean()
    assert found.upper is not None
    # 95 % of a mean of independent values: 1.96 standard errors.
    assert (found.upper - sums.mean()) * np.sqrt(30_000) / 1.96 == pytest.approx(1, abs=0.08)


def test_block_estimate_of_empty_denominators_is_unknown() -> None:
    estimate = block_estimate(np.zeros(5), np.zeros(5), n=5)
    assert (estimate.value, estimate.blocks) == (None, 0)


def hits_a_block(trials: int, blocks: int, rate: float, seed: int) -> Floats:
    """Return hits [trials, blocks] of three coins; each outcome overlaps the next four."""
    rng = np.random.default_rng(seed)
    ticks, symbols = blocks * TICKS_A_BLOCK, 3
    threshold = NormalDist().inv_cdf(1 - rate) * np.sqrt(2 * OVERLAP)
    found = np.zeros((trials, blocks))
    for trial in range(trials):
        shared = rng.standard_normal(ticks + OVERLAP, dtype=np.float32)
        own = rng.standard_normal((symbols, ticks + OVERLAP), dtype=np.float32)
        steps = (shared + own).cumsum(axis=1)
        hits = steps[:, OVERLAP:] - steps[:, :-OVERLAP] > threshold
        found[trial] = hits.reshape(symbols, blocks, TICKS_A_BLOCK).sum(axis=(0, 2))
    return found


@pytest.mark.parametrize(("blocks", "seed"), [(12, 5), (60, 6)])
def test_hit_rate_interval_covers_95_percent_of_overlapping_correlated_outcomes(
    blocks: int, seed: int
) -> None:
    trials, rate = 4_000, 0.55
    n = blocks * TICKS_A_BLOCK * 3
    below = np.full(blocks, float(n / blocks))
    inside = naive = 0
    for hits in hits_a_block(trials, blocks, rate, seed):
        estimate = block_estimate(hits, below, n=n)
        assert estimate.value is not None
        assert estimate.lower is not None
        assert estimate.upper is not None
        inside += estimate.lower <= rate <= estimate.upper
        value = estimate.value
        naive += abs(value - rate) <= 1.96 * np.sqrt(value * (1 - value) / n)
    # Monte-Carlo error of a share near 0.95 in 4,000 trials: 0.0034.
    assert 0.94 <= inside / trials <= 0.96
    assert naive / trials < 0.75


def test_few_blocks_that_happen_to_agree_are_no_knowledge() -> None:
    hits = np.array([31.0, 32.0, 31.0])
    estimate = block_estimate(hits, np.full(3, 60.0), n=180, moments=(94.0, 94.0, 180.0))
    assert estimate.lower is not None and estimate.upper is not None
    assert estimate.upper - estimate.lower > 2 * 1.96 * np.sqrt(0.25 / 180)
    assert estimate.n_eff == pytest.approx(180)


def test_effective_size_of_overlapping_correlated_outcomes_is_far_below_n() -> None:
    [hits] = hits_a_block(1, 200, 0.55, 8)
    n = 200 * TICKS_A_BLOCK * 3
    total = float(hits.sum())
    estimate = block_estimate(
        hits, np.full(200, float(n / 200)), n=n, moments=(total, total, float(n)), overlap=OVERLAP
    )
    assert estimate.n_eff is not None
    assert n / 20 < estimate.n_eff < n / 5


def test_hit_rate_sequence_holds_at_every_moment_where_an_interval_does_not() -> None:
    trials, blocks, rate = 300, 150, 0.55
    size = float(TICKS_A_BLOCK * 3)
    left = left_naive = 0
    for hits in hits_a_block(trials, blocks, rate, 9):
        outside = outside_naive = False
        for seen in range(SEQUENCE_BLOCKS, blocks + 1, 5):
            below = np.full(seen, size)
            bounds = hit_rate_sequence(hits[:seen], below)
            assert bounds is not None
            outside |= not bounds[0] <= rate <= bounds[1]
            error = float(np.std(hits[:seen], ddof=1)) / np.sqrt(seen) / size
            value = float(hits[:seen].mean()) / size
            outside_naive |= abs(value - rate) > 1.96 * error
        left += outside
        left_naive += outside_naive
    assert left / trials <= 0.05
    assert left_naive / trials > 0.1


def test_hit_rate_sequence_of_few_blocks_is_unknown() -> None:
    few = SEQUENCE_BLOCKS - 1
    assert hit_rate_sequence(np.ones(few), np.full(few, 2.0)) is None


def test_hit_rate_sequence_narrows_as_blocks_come() -> None:
    [hits] = hits_a_block(1, 400, 0.55, 10)
    below = np.full(400, float(TICKS_A_BLOCK * 3))
    early = hit_rate_sequence(hits[:40], below[:40])
    late = hit_rate_sequence(hits, below)
    assert early is not None
    assert late is not None
    assert late[1] - late[0] < early[1] - early[0]
