"""A forecaster's figures on grids of different width."""

from dataclasses import replace

import numpy as np
import pytest

from market.hot.vector import HORIZON_MS, TICK_MS
from training.decisions import Decisions, decide
from training.judging import compare, dm_lags, judge, overlap
from training.synthetic import synthetic_cells

PRIOR = np.array([0.4, 0.2, 0.4])
APART = HORIZON_MS


@pytest.fixture(scope="module")
def apart() -> Decisions:
    """Decisions a horizon apart: no two share a piece of their futures."""
    return decide([synthetic_cells(minutes=120, seed=3)], step_ms=APART)


def answers_of(decisions: Decisions) -> np.typing.NDArray[np.float64]:
    said = np.random.default_rng(1).normal(size=(len(decisions), 3))
    return np.concatenate([said, np.tile(PRIOR, (len(decisions), 1))], axis=1)


def test_judge_of_decisions_a_horizon_apart_counts_each_as_one(apart: Decisions) -> None:
    thinned, answers = replace(apart, grid_ms=APART), answers_of(apart)
    hit_rate = judge("noise", answers, PRIOR, thinned).hit_rate
    as_if_close = judge("noise", answers, PRIOR, apart).hit_rate

    assert hit_rate.n_eff is not None and as_if_close.n_eff is not None
    assert hit_rate.n_eff > 2 * as_if_close.n_eff
    assert hit_rate.n_eff == pytest.approx(hit_rate.n, rel=0.5)


def test_compare_of_decisions_a_horizon_apart_takes_lags_of_six_horizons(
    apart: Decisions,
) -> None:
    thinned, still = replace(apart, grid_ms=APART), np.zeros((len(apart), 6))
    tested = compare(still, answers_of(apart), thinned)

    assert (dm_lags(TICK_MS), dm_lags(APART), dm_lags(12 * APART)) == (30, 6, 1)
    assert (overlap(TICK_MS), overlap(APART), overlap(6 * APART)) == (5.0, 1.0, 1.0)
    assert tested.p is not None and tested.p < 1e-4
