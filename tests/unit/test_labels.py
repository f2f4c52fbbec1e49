"""Labels of the forecaster: what is known, what is void."""

import numpy as np
import pytest

from market.hot.vector import INDEX
from training.decisions import decide
from training.labels import Direction, directions, forward_returns_bp, normalised_targets
from training.recordings import Cells, TrainingDataError, regular_cells
from training.synthetic import synthetic_cells


def test_forward_returns_on_known_mids_are_log_returns_in_bp() -> None:
    mids = np.array([100.0, 101.0, 102.0, 100.0])
    expected = [1e4 * np.log(102 / 100), 1e4 * np.log(100 / 101)]
    returns = forward_returns_bp(mids, 2)
    assert returns[:2] == pytest.approx(expected)
    assert np.isnan(returns[2:]).all()


def test_forward_returns_with_a_void_mid_in_between_are_void() -> None:
    mids = np.full(10, 100.0)
    mids[5] = np.nan
    returns = forward_returns_bp(mids, 3)
    assert np.flatnonzero(np.isfinite(returns)).tolist() == [0, 1, 6]


def test_forward_returns_with_too_few_cells_are_all_void() -> None:
    assert np.isnan(forward_returns_bp(np.full(3, 100.0), 3)).all()


def test_directions_of_an_unchanged_mid_are_flat() -> None:
    mids = np.array([61_837.635, 61_837.635, 61_837.645, 61_837.625])
    found = directions(forward_returns_bp(mids, 1)[:3])
    assert found.tolist() == [Direction.FLAT, Direction.UP, Direction.DOWN]


def test_normalised_targets_are_clipped_and_void_without_volatility() -> None:
    targets = normalised_targets(np.array([1.0, 100.0, -100.0, 1.0]), np.array([2.0, 1, 1, 0]))
    assert targets[:3].tolist() == [0.5, 6.0, -6.0]
    assert np.isnan(targets[3])


def test_regular_cells_with_an_absent_cell_hold_a_void_row() -> None:
    cells = regular_cells("gap", [(190, [1.0] * 20), (390, [2.0] * 20)])
    assert cells.times_ms.tolist() == [190, 290, 390]
    assert np.isnan(cells.values[1]).all()


@pytest.mark.parametrize("ends", [[200, 300], [190, 190], [290, 190], []])
def test_regular_cells_off_the_grid_or_out_of_order_are_refused(ends: list[int]) -> None:
    with pytest.raises(TrainingDataError, match="recording odd"):
        regular_cells("odd", [(end, [1.0] * 20) for end in ends])


def test_decide_reads_the_cell_that_ended_just_before_the_tick() -> None:
    cells = synthetic_cells(minutes=1, seed=3)
    decisions = decide([cells]).take(decide([cells]).on_grid)
    row = decisions.features[4]
    place = int(np.flatnonzero(cells.times_ms == decisions.decided_ms[4] - 10)[0])
    assert row == pytest.approx(cells.values[place].astype(np.float32), nan_ok=True)
    later = cells.mid[place + 100]
    expected = 1e4 * np.log(later / cells.mid[place])
    assert decisions.returns_bp[4] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["price", "spread_bp", "ob_imbalance", "price_volatility"])
def test_decide_without_a_required_feature_leaves_the_decision_out(name: str) -> None:
    cells = synthetic_cells(minutes=1, seed=3)
    values = cells.values.copy()
    values[: len(values) // 2, INDEX[name]] = np.nan
    fewer = decide([Cells("void", cells.times_ms, values)])
    assert 0 < len(fewer) < len(decide([cells]))
    assert fewer.decided_ms.min() > cells.times_ms[len(values) // 2 - 1]


def test_decide_without_any_outcome_names_the_recording() -> None:
    with pytest.raises(TrainingDataError, match="synthetic-1"):
        decide([synthetic_cells(minutes=0.1, seed=1)])
