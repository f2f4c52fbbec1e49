"""A signal challenger against the champion, which is asked on the same candles."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.artefacts.manifest import Training
from market.candles.series import Floats, Integers
from market.candles.timeframes import Timeframe
from predictions.promotion.criteria import Stage, Verdict
from tests.made_candles import market
from tests.unit.signal_artefacts import write_folder
from training.criteria import Choice
from training.recordings import TrainingDataError
from training.signals.against_champion import (
    Champion,
    champion_answers,
    judge_against_champion,
    open_champion,
)
from training.signals.baselines import BASELINES
from training.signals.datasets import SignalDataset, build
from training.signals.gate import Contest
from training.signals.labels import NO_TRADE
from training.signals.protocol import NETWORK, Outcome, judged_rows
from training.signals.splitting import signal_splits

COINS = ("ETHUSDT", "BTCUSDT", "PEPEUSDT")
"""The champion knows BTCUSDT, ETHUSDT and SHIBUSDT, in this order."""
PRIOR = np.array([0.3, 0.4, 0.3])


@pytest.fixture(scope="module")
def dataset() -> SignalDataset:
    return build(market(COINS, 1_500, timeframe=Timeframe.H1), COINS, Timeframe.H1)


def _champion(folder: Path, **changes: Any) -> Champion:
    return open_champion(write_folder(folder / "v1.0.0-abc", **changes), Timeframe.H1)


def _outcome(dataset: SignalDataset) -> Outcome:
    """The protocol's outcome as if the network had foreseen touches a little."""
    splits = signal_splits(dataset)
    tested = np.concatenate([np.flatnonzero(fold.test) for fold in splits.folds])
    walk_forward = _contest(dataset, tested)
    final = _contest(dataset, np.flatnonzero(splits.final.test))
    verdict = Verdict(Stage.OUT_OF_SAMPLE, NETWORK, BASELINES[0], (), 0)
    choice = Choice(NETWORK, BASELINES[0], verdict)
    nothing: Any = None
    return Outcome(walk_forward, final, {}, {}, choice, nothing, nothing, nothing, 0, 0)


def _contest(dataset: SignalDataset, rows: Integers) -> Contest:
    judged = judged_rows(dataset, rows, PRIOR)
    none = 0.4 + 0.1 * np.where(judged.label == NO_TRADE, 1, -1)
    known: Floats = np.column_stack([(1 - none) / 2, none, (1 - none) / 2])
    answers = {**dict.fromkeys(BASELINES, judged.prior), NETWORK: known}
    return Contest(judged, answers, {})


def test_champion_answers_take_each_coin_by_its_name(
    tmp_path: Path, dataset: SignalDataset
) -> None:
    logits = np.log([[0.2, 0.2, 0.6], [0.6, 0.2, 0.2], [0.2, 0.6, 0.2]]).astype(np.float32)
    champion = _champion(tmp_path, network={"biases": logits})
    answers = champion_answers(champion, dataset, np.arange(len(dataset)))
    coins = np.array(COINS)[dataset.symbol]
    assert np.allclose(answers[coins == "BTCUSDT"], [0.2, 0.2, 0.6])
    assert np.allclose(answers[coins == "ETHUSDT"], [0.6, 0.2, 0.2])
    assert np.isnan(answers[coins == "PEPEUSDT"]).all()


def test_against_champion_leaves_out_coins_that_it_does_not_know(
    tmp_path: Path, dataset: SignalDataset
) -> None:
    outcome = _outcome(dataset)
    found = judge_against_champion(outcome, dataset, _champion(tmp_path), version="v2")
    assert found.later is None
    known = np.isin(_coins(dataset), COINS[:2])
    assert found.every.n == known[: len(outcome.walk_forward.judged.label)].sum()
    names = [one.name for one in found.every.criteria]
    assert names[0] == "log-loss below every baseline's"
    assert names[1] == "Diebold-Mariano p against test-1h-1"
    assert names[-1] == "log-loss gained on the final test"
    assert not any("coverage" in name for name in names)


def _coins(dataset: SignalDataset) -> np.ndarray[Any, Any]:
    splits = signal_splits(dataset)
    tested = [np.flatnonzero(fold.test) for fold in splits.folds]
    return np.array(COINS)[dataset.symbol[np.concatenate(tested)]]


def test_against_champion_of_older_data_is_decided_on_what_came_later(
    tmp_path: Path, dataset: SignalDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.signals.against_champion.LEAST_N_EFF", 20)
    long_ago = datetime(2023, 1, 1, tzinfo=UTC)
    learned = Training(span=(long_ago, long_ago), recordings=(), rows=0, data_digest="none")
    champion = _champion(tmp_path, training=learned)
    found = judge_against_champion(_outcome(dataset), dataset, champion, version="v2")
    assert found.later is not None
    assert found.deciding is found.later
    assert found.later.n > found.every.n
    # The last part is counted too, and may veto nevertheless: it is what comes next to.
    assert found.later.criteria[-1] == found.every.criteria[-1]
    assert found.later.criteria[-1].name == "log-loss gained on the final test"


def test_against_champion_of_other_coins_alone_is_refused(
    tmp_path: Path, dataset: SignalDataset
) -> None:
    champion = _champion(tmp_path, symbols=("DOGEUSDT", "XRPUSDT", "SOLUSDT"))
    with pytest.raises(TrainingDataError, match="knows none of the coins ETHUSDT"):
        judge_against_champion(_outcome(dataset), dataset, champion, version="v2")


def test_open_champion_of_an_empty_folder_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"manifest\.json is missing"):
        open_champion(tmp_path, Timeframe.H1)
