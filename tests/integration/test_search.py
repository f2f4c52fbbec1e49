"""The search for better options: by the seed alone, gone on from where it was killed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import optuna
import pytest

from tests.signal_datasets import made_up
from training.decisions import Decisions, decide
from training.fitting import NETWORK
from training.options import ForecastOptions
from training.protocol import joined, run_split
from training.recordings import TrainingDataError
from training.search.forecasts import search_forecasts
from training.search.searching import SearchOrder, search
from training.search.signals import search_signals
from training.search.spaces import (
    FORECAST_SPACE,
    Params,
    Space,
    forecast_options,
    forecast_params,
    signal_options,
    signal_params,
)
from training.search.studying import Question
from training.search.variants import Found, Measured
from training.signals import trainer as signal_trainer
from training.signals.challenger import network_fit
from training.signals.datasets import SignalDataset
from training.signals.finished import stored_networks
from training.signals.judging import paired_losses
from training.signals.options import FitOptions
from training.signals.protocol import NETWORK as SIGNAL_NETWORK
from training.signals.protocol import contest, walk_forward_trials
from training.signals.splitting import signal_splits
from training.splitting import forecast_splits
from training.synthetic import synthetic_cells
from training.trainer import fit_tasks, stored_fits
from training.workplace import Workplace

BASE = ForecastOptions()
QUICK = ForecastOptions(max_epochs=1)
QUICK_SIGNALS = FitOptions(
    members=1, epochs=1, least_epochs=1, stride=1, batch_size=128, channels=(8, 8), hidden=8
)


class _Killed(Exception):
    pass


@dataclass
class _Bowl:
    """An engine whose loss is known: smallest where each parameter is that of `lowest`."""

    killed_at: int | None = None
    diverging: tuple[int, ...] = ()
    measured: list[int] = field(default_factory=list)

    @property
    def space(self) -> Space:
        return FORECAST_SPACE

    @property
    def first(self) -> Params:
        return forecast_params(BASE)

    @property
    def record(self) -> list[object]:
        return ["bowl"]

    def options(self, params: Params) -> ForecastOptions:
        return forecast_options(BASE, params)

    def folder(self, name: str, number: int) -> Path:
        return Path(name) / str(number)

    def measure(self, name: str, questions: Sequence[Question]) -> list[Measured]:
        answers = []
        for question in questions:
            if question.number == self.killed_at:
                raise _Killed
            self.measured.append(question.number)
            answers.append(self._answer(question))
        return answers

    def _answer(self, question: Question) -> Measured:
        if question.number in self.diverging:
            return Measured((1.0,), np.array([np.nan]))
        found, asked = self.options(question.params), ForecastOptions(learning_rate=3e-3, hidden=32)
        loss = abs(np.log(found.learning_rate / asked.learning_rate)) + (found.hidden != 32)
        return Measured((loss, loss), np.full(3, loss))


def _params(found: Found[ForecastOptions]) -> list[Params]:
    return [one.params for one in found.variants]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Found[ForecastOptions]:
    folder = tmp_path_factory.mktemp("whole")
    return search(_Bowl(), SearchOrder(trials=13, folder=folder, batch=2))


def test_search_begins_with_the_fit_as_it_is_and_finds_a_better_one(whole) -> None:
    assert whole.variants[0].options == ForecastOptions()
    assert whole.best.options.hidden == 32
    assert whole.best.loss == min(one.loss for one in whole.variants)
    assert whole.best.loss < whole.variants[0].loss
    assert len(whole.other_losses) == len(whole.variants) - 1


def test_search_of_another_seed_asks_something_else(whole, tmp_path: Path) -> None:
    other = search(_Bowl(), SearchOrder(trials=2, folder=tmp_path, batch=2, seed=2))
    assert other.variants[0].params == whole.variants[0].params
    assert other.variants[1].params != whole.variants[1].params


@pytest.mark.parametrize("killed_at", [1, 12])
def test_search_killed_goes_on_as_it_would_have_and_repeats_nothing(
    whole, tmp_path: Path, killed_at: int
) -> None:
    order = SearchOrder(trials=13, folder=tmp_path, batch=2)
    killed, again = _Bowl(killed_at=killed_at), _Bowl()
    with pytest.raises(_Killed):
        search(killed, order)
    found = search(again, order)
    assert _params(found) == _params(whole)
    finished = killed_at - killed_at % 2
    assert again.measured == list(range(finished, 13))


def test_search_killed_between_two_parameters_asks_the_same_again(whole, tmp_path: Path) -> None:
    order = SearchOrder(trials=13, folder=tmp_path, batch=2)
    search(_Bowl(), replace(order, trials=10))
    (file,) = tmp_path.rglob("study.sqlite3")
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{file}")
    study.ask().suggest_float("residual_penalty", 0.1, 10.0, log=True)
    assert _params(search(_Bowl(), order)) == _params(whole)


def test_search_of_more_trials_keeps_those_that_were_tried(whole, tmp_path: Path) -> None:
    order = SearchOrder(trials=6, folder=tmp_path, batch=2)
    search(_Bowl(), order)
    more = _Bowl()
    assert _params(search(more, replace(order, trials=8))) == _params(whole)[:8]
    assert more.measured == [6, 7]
    assert len(search(more, replace(order, trials=4)).variants) == 4


def test_search_leaves_out_what_diverged(tmp_path: Path) -> None:
    found = search(_Bowl(diverging=(0, 2)), SearchOrder(trials=5, folder=tmp_path))
    assert [one.state for one in found.variants] == ["failed", "complete"] + ["failed"] + [
        "complete"
    ] * 2
    assert found.best.number in (1, 3, 4)
    assert len(found.other_losses) == 2


def test_search_in_which_everything_diverged_says_so(tmp_path: Path) -> None:
    found = search(_Bowl(diverging=(0, 1)), SearchOrder(trials=2, folder=tmp_path))
    with pytest.raises(TrainingDataError, match="diverged"):
        _ = found.best


def test_spaces_hold_the_fit_as_it_is() -> None:
    for options in (FitOptions(), QUICK_SIGNALS):
        assert signal_options(options, signal_params(options)) == options
    assert forecast_options(QUICK, forecast_params(QUICK)) == QUICK


@pytest.fixture(scope="module")
def decisions() -> Decisions:
    return decide([synthetic_cells(minutes=6, seed=1)])


def test_forecast_variants_are_judged_on_the_decisions_of_the_gate(
    decisions: Decisions, tmp_path: Path
) -> None:
    workplace = Workplace(folder=tmp_path / "fits")
    order = SearchOrder(trials=2, folder=tmp_path)
    found = search_forecasts(decisions, QUICK, workplace, order)
    tasks = [task for task in fit_tasks(decisions, found.variants[1].options, [NETWORK])]
    kept = stored_fits(Workplace(folder=found.variants[1].folder), tasks[0].options, [NETWORK])
    folds = forecast_splits(decisions).folds
    gate = joined([run_split(decisions, fold, kept)[0] for fold in folds])
    errors = (gate.decisions.returns_bp - gate.answers[NETWORK][:, 0]) ** 2
    np.testing.assert_array_equal(found.variants[1].measured.losses, errors)
    assert len(found.variants[0].measured.inner) == len(folds)
    again = search_forecasts(decisions, QUICK, workplace, order)
    assert [one.loss for one in again.variants] == [one.loss for one in found.variants]


def test_forecast_search_does_not_look_at_the_final_test(
    decisions: Decisions, tmp_path: Path
) -> None:
    final = forecast_splits(decisions).final.test
    other = replace(decisions, returns_bp=np.where(final, 99.0, decisions.returns_bp))
    found = [
        search_forecasts(
            one, QUICK, Workplace(folder=tmp_path), SearchOrder(trials=1, folder=tmp_path / str(n))
        )
        for n, one in enumerate((decisions, other))
    ]
    assert found[0].best.loss == found[1].best.loss
    one, same = (each.best.measured.losses for each in found)
    np.testing.assert_array_equal(one, same)


@pytest.fixture(scope="module")
def dataset() -> SignalDataset:
    return made_up(candles=420, signal=0.7)


def test_signal_variants_are_judged_on_the_decisions_of_the_gate(
    dataset: SignalDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace, order = Workplace(folder=tmp_path), SearchOrder(trials=2, folder=tmp_path)
    found = search_signals(dataset, QUICK_SIGNALS, workplace, order)
    variant = found.variants[1]
    kept = stored_networks(variant.folder, variant.options)
    fits = {SIGNAL_NETWORK: network_fit(kept)}
    gate = contest(walk_forward_trials(dataset, signal_splits(dataset), fits))
    answers = gate.answers[SIGNAL_NETWORK]
    expected, _ = paired_losses(answers, answers, gate.judged)
    np.testing.assert_allclose(variant.measured.losses, expected, rtol=1e-12)
    monkeypatch.setattr(signal_trainer, "run_task", None)  # nothing is fitted again
    again = search_signals(dataset, QUICK_SIGNALS, workplace, order)
    assert [one.loss for one in again.variants] == [one.loss for one in found.variants]
