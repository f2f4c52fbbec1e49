"""The forecasters' trainer: fits that are kept and gone on from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from training import trainer
from training.candidates import Candidate, TreesCandidate
from training.decisions import Decisions, decide
from training.devices import DeviceError, known_device
from training.fitting import FITTED, NETWORK, RIDGE, TREES
from training.options import ForecastOptions
from training.protocol import run_protocol
from training.recordings import TrainingDataError
from training.shipping import Order, fitted_alone
from training.synthetic import synthetic_cells
from training.trainer import FitTask, fit_tasks, stored_fits, train
from training.workplace import Workplace

QUICK = ForecastOptions(max_epochs=2)


class _Stopped(Exception):
    pass


@pytest.fixture(scope="module")
def decisions() -> Decisions:
    return decide([synthetic_cells(minutes=8, seed=1)])


@pytest.fixture(scope="module")
def tasks(decisions: Decisions) -> list[FitTask]:
    return fit_tasks(decisions, QUICK)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return Workplace(folder=tmp_path_factory.mktemp("fits"))


@pytest.fixture(scope="module")
def alone(tasks: list[FitTask], kept: Workplace) -> list[Candidate]:
    return train(tasks, kept)


def _assert_same(some: list[Candidate], others: list[Candidate], decisions: Decisions) -> None:
    assert len(some) == len(others) > 0
    for one, other in zip(some, others, strict=True):
        assert one.name == other.name
        expected = other.predict(decisions.features)
        np.testing.assert_array_equal(one.predict(decisions.features), expected)


def _refuse(task: FitTask) -> Candidate:
    raise AssertionError(f"{task.name} was fitted again")


def test_tasks_are_each_model_in_each_fold_and_the_final_split(tasks: list[FitTask]) -> None:
    assert [task.name for task in tasks] == [*FITTED] * 5
    assert len({task.key for task in tasks}) == len(tasks)
    assert len({id(task.decisions) for task in tasks}) == 5  # no copy for each model


def test_stored_fits_are_read_and_not_made_again(
    tasks, alone, kept: Workplace, decisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "run_task", _refuse)
    _assert_same(train(tasks, kept), alone, decisions)


def test_protocol_on_stored_fits_answers_as_on_fits_made_at_once(
    alone, kept: Workplace, decisions, tmp_path: Path
) -> None:
    order = Order(recordings=(), output=tmp_path, max_epochs=2)
    at_once = fitted_alone(decisions, order)
    stored = run_protocol(decisions, stored_fits(kept, QUICK))
    assert stored.verdict.served == at_once.verdict.served
    for name, answers in at_once.final.answers.items():
        np.testing.assert_array_equal(stored.final.answers[name], answers)


def test_training_stopped_in_the_middle_goes_on_with_the_rest(
    tasks, alone, decisions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[str] = []
    honest = trainer.run_task

    def watched(task: FitTask) -> Candidate:
        fitted.append(task.key)
        return honest(task)

    def stop_after_three(task: FitTask) -> Candidate:
        if len(fitted) == 3:
            raise _Stopped
        return watched(task)

    monkeypatch.setattr(trainer, "run_task", stop_after_three)
    with pytest.raises(_Stopped):
        train(tasks[:5], Workplace(folder=tmp_path))
    monkeypatch.setattr(trainer, "run_task", watched)
    _assert_same(train(tasks[:5], Workplace(folder=tmp_path)), alone[:5], decisions)
    assert fitted == [task.key for task in tasks[:5]]


def test_no_resume_fits_anew(tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(tasks[:1], Workplace(folder=tmp_path))
    monkeypatch.setattr(trainer, "run_task", _refuse)
    with pytest.raises(AssertionError, match="fitted again"):
        train(tasks[:1], Workplace(folder=tmp_path, resume=False))


@pytest.mark.parametrize("damage", [b"", b"PK torn"])
def test_stored_fit_that_is_damaged_is_not_taken(
    tasks, decisions, tmp_path: Path, damage: bytes
) -> None:
    workplace = Workplace(folder=tmp_path)
    train(tasks[:1], workplace)
    for file in tmp_path.iterdir():
        file.write_bytes(damage)
    with pytest.raises(TrainingDataError, match="holds no"):
        run_protocol(decisions, stored_fits(workplace, QUICK))


def test_key_tells_what_a_fit_reads_and_nothing_else(tasks: list[FitTask]) -> None:
    by_name = {task.name: task for task in tasks[:5]}
    longer, seeded = replace(QUICK, max_epochs=3), replace(QUICK, seed=2)
    changed = {
        name: [replace(task, options=other).key != task.key for other in (longer, seeded)]
        for name, task in by_name.items()
    }
    assert changed == {name: [name == NETWORK, name in (NETWORK, TREES)] for name in FITTED}
    ridge = by_name[RIDGE]
    assert (
        replace(ridge, decisions=ridge.decisions.take(np.arange(1, len(ridge.decisions)))).key
        != ridge.key
    )


def test_trees_are_read_back_as_they_were(tasks, alone) -> None:
    trees = next(one for one in alone if one.name == TREES)
    assert isinstance(trees, TreesCandidate)
    assert trees.move.num_trees() >= 1


def test_device_that_is_not_here_names_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="allowed is cpu"):
        known_device("cuda")
    with pytest.raises(DeviceError, match="cpu, cuda"):
        known_device("tpu")
