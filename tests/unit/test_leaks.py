"""Leaks: no skill on shuffled labels, no future in the past, and an alarm that rings."""

from dataclasses import replace

import numpy as np
import pytest

from market.hot.vector import INDEX
from training.alarms import leak_alarms
from training.decisions import Decisions, decide
from training.fitting import fit_microprice, fit_network, fit_ridge, fit_trees
from training.networks import Forecaster, forecast, mirrored
from training.options import ForecastOptions
from training.protocol import Fit, run_split
from training.scaling import fit_transform, scaled
from training.splits import split_at
from training.synthetic import synthetic_cells

FITS: dict[str, Fit] = {
    "microprice": fit_microprice,
    "ridge": fit_ridge,
    "trees": lambda decisions: fit_trees(decisions, seed=1),
    "network": lambda decisions: fit_network(decisions, ForecastOptions(max_epochs=3)),
}


@pytest.fixture(scope="module")
def market() -> Decisions:
    return decide([synthetic_cells(minutes=40, seed=seed) for seed in (1, 2)])


def _r2(decisions: Decisions, fit: Fit) -> tuple[float, float, list[str]]:
    split = split_at(decisions.timeline, 0.6, 1.0, calibration_share=0.25, embargo_ms=10_000)
    trial, _, _ = run_split(decisions, split, {"model": fit})
    judgement = trial.judged()["model"]
    assert judgement.r2.value is not None
    assert judgement.r2.upper is not None
    error = (judgement.r2.upper - judgement.r2.value) / 2
    return judgement.r2.value, error, leak_alarms(judgement.figures())


def _shuffled(decisions: Decisions) -> Decisions:
    # Whole minutes change places, so that labels overlap as much as they did.
    minutes = np.array_split(np.arange(len(decisions)), 80)
    order = np.random.default_rng(11).permutation(len(minutes))
    rows = np.concatenate([minutes[minute] for minute in order])
    return replace(
        decisions,
        returns_bp=decisions.returns_bp[rows],
        targets=decisions.targets[rows],
        classes=decisions.classes[rows],
    )


@pytest.mark.parametrize("name", ["microprice", "ridge"])
def test_fit_on_a_planted_signal_finds_it(market: Decisions, name: str) -> None:
    r2, error, alarms = _r2(market, FITS[name])
    assert r2 > error
    assert not alarms


@pytest.mark.parametrize("name", sorted(FITS))
def test_fit_on_shuffled_labels_shows_no_skill(market: Decisions, name: str) -> None:
    r2, error, alarms = _r2(_shuffled(market), FITS[name])
    assert r2 <= max(2 * error, 0.01)
    assert not alarms


@pytest.mark.parametrize("name", ["ridge", "trees", "network"])
def test_fit_with_a_feature_that_knows_the_outcome_rings_the_alarm(
    market: Decisions, name: str
) -> None:
    features = market.features.copy()
    noise = np.random.default_rng(12).normal(size=len(market))
    features[:, INDEX["ret_1s"]] = market.returns_bp + noise * market.returns_bp.std()
    _, _, alarms = _r2(replace(market, features=features), FITS[name])
    assert alarms


def test_truncated_history_changes_no_earlier_decision_and_no_output() -> None:
    cells = synthetic_cells(minutes=6, seed=4)
    whole = decide([cells])
    model = fit_ridge(whole)
    answers = model.predict(whole.features)
    for count in (1_500, 2_400, 3_333):
        part = decide([cells.before(count)])
        assert len(part) > 0
        same = slice(0, len(part))
        assert (part.decided_ms == whole.decided_ms[same]).all()
        assert np.array_equal(part.features, whole.features[same], equal_nan=True)
        assert np.array_equal(part.returns_bp, whole.returns_bp[same])
        assert np.array_equal(model.predict(part.features), answers[same])


def test_forecast_of_a_row_does_not_depend_on_the_rows_beside_it(market: Decisions) -> None:
    rows = market.features[:200]
    graph = Forecaster(horizon_seconds=10.0, hidden=4)
    graph.transform = fit_transform(market.features)
    alone = np.concatenate([forecast(graph, rows[i : i + 1]) for i in range(len(rows))])
    assert forecast(graph, rows) == pytest.approx(alone, rel=1e-6, abs=1e-9)


def test_inputs_know_no_absolute_price(market: Decisions) -> None:
    transform = fit_transform(market.features)
    rows = market.features[:100].copy()
    before = scaled(transform, rows)
    rows[:, [INDEX["price"], INDEX["mid_price"]]] *= 2  # a power of two: exact in float32
    assert np.array_equal(scaled(transform, rows), before)


def test_scaling_is_the_same_for_a_market_and_its_mirror_image(market: Decisions) -> None:
    transform = fit_transform(market.features)
    rows = market.features[:100].copy()
    flipped = rows.copy()
    mid = rows[:, INDEX["mid_price"]]
    for name in ("ret_1s", "ret_5s", "ret_10s", "vol_imbalance_1s", "vol_imbalance_5s"):
        flipped[:, INDEX[name]] *= -1
    for name in ("ob_imbalance", "vwap_dev_1s", "vwap_dev_5s", "momentum"):
        flipped[:, INDEX[name]] *= -1
    sides = [INDEX["bid_strength"], INDEX["ask_strength"]]
    flipped[:, sides] = rows[:, sides[::-1]]
    flipped[:, INDEX["price"]] = mid**2 / rows[:, INDEX["price"]]
    expected = mirrored(scaled(transform, rows))
    assert scaled(transform, flipped) == pytest.approx(expected, abs=2e-3)
