"""Signal baselines: their graphs answer as they do, they find what is there and nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from inference.artefacts.signal_manifest import OUTPUT_NAME, SYMBOL_INPUT, WINDOW_INPUT
from inference.vocabulary import DIRECTIONS
from market.candles.timeframes import Timeframe
from tests.made_candles import market
from training.recordings import TrainingDataError
from training.signals.baseline_graphs import write_baseline
from training.signals.baselines import (
    BASELINES,
    LOGISTIC,
    PRIOR,
    TREES,
    VOLATILITY,
    LinearModel,
    TreesModel,
)
from training.signals.calibration import tempered
from training.signals.datasets import SignalDataset, build
from training.signals.judging import SignalJudgement
from training.signals.labels import LONG, NO_TRADE, SHORT
from training.signals.picking import pick_rows
from training.signals.protocol import FINAL, baseline_fits, contest, run_split
from training.signals.splitting import signal_splits

H1 = Timeframe.H1
COINS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
TEMPERATURE = 1.3


@pytest.fixture(scope="module")
def waves() -> SignalDataset:
    """A market whose returns keep their sign for a day or so: a direction to find."""
    return build(market(COINS, 1_500, momentum=0.3, timeframe=H1), COINS, H1)


def _judged(dataset: SignalDataset, name: str) -> SignalJudgement:
    fits = {name: baseline_fits(seed=1)[name]}
    return contest([run_split(dataset, signal_splits(dataset).final, FINAL, fits)]).judgements[name]


def _shuffled(dataset: SignalDataset) -> SignalDataset:
    # Whole stretches change places, so that labels overlap as much as they did.
    stretches = np.array_split(np.arange(len(dataset)), 60)
    order = np.random.default_rng(7).permutation(len(stretches))
    return replace(dataset, label=dataset.label[np.concatenate([stretches[n] for n in order])])


@pytest.mark.parametrize("name", BASELINES)
def test_graph_of_a_baseline_answers_as_the_baseline(
    waves: SignalDataset, name: str, tmp_path: Path
) -> None:
    rows = np.arange(0, len(waves), 2)
    model = baseline_fits(seed=1)[name](waves, rows, FINAL)
    path = tmp_path / "served.onnx"
    assert isinstance(model, LinearModel | TreesModel)
    write_baseline(model, TEMPERATURE, path)
    assert path.stat().st_size < 1_500_000
    session = onnxruntime.InferenceSession(str(path))
    for asked in (np.arange(len(waves)), np.array([5])):
        inputs = {WINDOW_INPUT: waves.windows(asked), SYMBOL_INPUT: waves.symbol[asked]}
        served = session.run([OUTPUT_NAME], inputs)[0]
        assert served.dtype == np.float32
        assert served.shape == (len(asked), len(DIRECTIONS))
        expected = tempered(model.predict(waves, asked), TEMPERATURE)
        assert np.abs(served - expected).max() <= 1e-5


def test_trees_thresholds_decide_alike_in_float32(waves: SignalDataset) -> None:
    model = baseline_fits(seed=1)[TREES](waves, np.arange(len(waves)), FINAL)
    assert isinstance(model, TreesModel)
    for tree in model.booster.dump_model()["tree_info"]:
        for threshold in _thresholds(tree["tree_structure"]):
            assert float(np.float32(threshold)) == threshold


@pytest.mark.parametrize("name", [LOGISTIC, TREES])
def test_baseline_on_a_market_with_a_pattern_finds_it(waves: SignalDataset, name: str) -> None:
    judgement = _judged(waves, name)
    assert judgement.log_loss_skill.lower is not None
    assert judgement.log_loss_skill.lower > 0
    assert judgement.direction_given_touch.lower is not None
    assert judgement.direction_given_touch.lower > 0.5


@pytest.mark.parametrize("name", [VOLATILITY, LOGISTIC, TREES])
def test_baseline_on_shuffled_labels_has_no_skill(waves: SignalDataset, name: str) -> None:
    skill = _judged(_shuffled(waves), name).log_loss_skill
    assert skill.value is not None
    assert skill.upper is not None
    assert skill.value - (skill.upper - skill.value) < 0
    assert abs(skill.value) < 0.05


@pytest.mark.parametrize("name", [PRIOR, VOLATILITY])
def test_baseline_without_direction_names_none(waves: SignalDataset, name: str) -> None:
    rows = np.arange(len(waves))
    answers = baseline_fits(seed=1)[name](waves, rows, FINAL).predict(waves, rows)
    assert np.array_equal(answers[:, SHORT], answers[:, LONG])
    judgement = _judged(waves, name)
    assert judgement.direction_given_touch.value is None
    assert judgement.top_decile_direction.value is None


def test_prior_is_the_class_shares_with_both_directions_alike(waves: SignalDataset) -> None:
    rows = np.arange(len(waves))
    model = baseline_fits(seed=1)[PRIOR](waves, rows, FINAL)
    answers = model.predict(waves, np.array([0]))[0]
    assert answers[NO_TRADE] == pytest.approx((waves.label == NO_TRADE).mean())
    assert answers.sum() == pytest.approx(1)


def test_fit_with_too_few_rows_is_refused(waves: SignalDataset) -> None:
    with pytest.raises(TrainingDataError, match="teach too little"):
        baseline_fits(seed=1)[LOGISTIC](waves, np.arange(20), FINAL)


def test_picked_rows_of_truncated_windows_use_no_later_candle(waves: SignalDataset) -> None:
    row = np.array([50])
    end = int(waves.end_row[50])
    later = waves.indicators.copy()
    later[end + 1 :] = 1e6
    changed = replace(waves, indicators=later)
    assert np.array_equal(pick_rows(changed, row), pick_rows(waves, row))


def _thresholds(node: dict[str, object]) -> list[float]:
    if "threshold" not in node:
        return []
    found = [float(str(node["threshold"]))]
    for side in ("left_child", "right_child"):
        child = node[side]
        assert isinstance(child, dict)
        found += _thresholds(child)
    return found
