"""Where fits run: the same weights in one process, in two, and on a cluster that loses a worker."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from distributed import LocalCluster

from tests.ports import free_port
from tests.signal_datasets import made_up
from tests.waiting import eventually_sync
from training import trainer as forecasts
from training.candidates import Candidate
from training.decisions import Decisions, decide
from training.fitting import NETWORK, RIDGE, TREES
from training.options import ForecastOptions
from training.signals import trainer as signals
from training.signals.fitted import EpochNote, FittedNetwork
from training.signals.fitting import fit_network
from training.signals.options import FitOptions
from training.synthetic import synthetic_cells
from training.workplace import (
    Workplace,
    WorkplaceAwayError,
    WorkplaceError,
    carry_out,
    require_cluster,
)

QUICK = FitOptions(
    members=1, epochs=3, least_epochs=1, stride=1, batch_size=128, channels=(4, 4), hidden=4
)
FELL_AT = 2
"""The pass after which a worker dies."""


@pytest.fixture(scope="module")
def signal_tasks() -> list[signals.FitTask]:
    dataset = made_up(candles=400, signal=0.7)
    rows = [np.arange(len(dataset) * number // 2) for number in (1, 2)]
    return [signals.FitTask(dataset, f"fold-{n}", one, QUICK) for n, one in enumerate(rows, 1)]


@pytest.fixture(scope="module")
def decisions() -> Decisions:
    return decide([synthetic_cells(minutes=5, seed=1)])


@pytest.fixture(scope="module")
def forecast_tasks(decisions: Decisions) -> list[forecasts.FitTask]:
    options = ForecastOptions(max_epochs=2)
    return [forecasts.FitTask(decisions, name, options) for name in (RIDGE, TREES, NETWORK)]


@pytest.fixture(scope="module")
def alone(
    signal_tasks, forecast_tasks, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[FittedNetwork], list[Candidate]]:
    here = Workplace(folder=tmp_path_factory.mktemp("alone"))
    return signals.train(signal_tasks, here), forecasts.train(forecast_tasks, here)


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=50,
    ) as running:
        yield running


def _assert_same_signals(some: list[FittedNetwork], others: list[FittedNetwork]) -> None:
    assert len(some) == len(others) > 0
    for one, other in zip(some, others, strict=True):
        assert one.state_dict.keys() == other.state_dict.keys()
        for name, weights in one.state_dict.items():
            np.testing.assert_array_equal(weights.numpy(), other.state_dict[name].numpy())


def _assert_same_forecasts(
    some: list[Candidate], others: list[Candidate], decisions: Decisions
) -> None:
    assert [one.name for one in some] == [one.name for one in others]
    for one, other in zip(some, others, strict=True):
        expected = other.predict(decisions.features)
        np.testing.assert_array_equal(one.predict(decisions.features), expected)


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_once_at_the_first_fold(
    task: signals.FitTask, checkpoint: Path, resume: bool, position: int
) -> FittedNetwork:
    died, notes = checkpoint.parent / "died", list[EpochNote]()

    def watch(note: EpochNote) -> None:
        notes.append(note)
        if task.split == "fold-1" and len(notes) == FELL_AT and not died.exists():
            died.touch()
            _die()

    fitted = fit_network(
        task.dataset,
        task.rows,
        options=task.options,
        checkpoint=checkpoint,
        checkpoint_seconds=0,
        watch=watch,
    )
    if died.exists():
        # Gone on from the checkpoint that the dead worker left.
        assert len(notes) == len(fitted.history) - FELL_AT
        (checkpoint.parent / "recovered").touch()
    return fitted


def test_two_processes_fit_what_one_fits(
    signal_tasks, forecast_tasks, alone, decisions, tmp_path: Path
) -> None:
    two = Workplace(folder=tmp_path, jobs=2)
    _assert_same_signals(signals.train(signal_tasks, two), alone[0])
    _assert_same_forecasts(forecasts.train(forecast_tasks, two), alone[1], decisions)


def test_cluster_that_loses_a_worker_fits_what_one_process_fits(
    signal_tasks, forecast_tasks, alone, decisions, cluster, tmp_path: Path, monkeypatch
) -> None:
    require_cluster(cluster.scheduler_address)
    there = Workplace(folder=tmp_path, cluster=cluster.scheduler_address)
    workers = {nanny.pid for nanny in cluster.workers.values()}
    monkeypatch.setattr(signals, "run_task", _die_once_at_the_first_fold)
    _assert_same_signals(signals.train(signal_tasks, there), alone[0])
    assert (tmp_path / "1h" / "fold-1" / "recovered").exists()
    assert {nanny.pid for nanny in cluster.workers.values()} != workers
    _assert_same_forecasts(forecasts.train(forecast_tasks, there), alone[1], decisions)


def test_cluster_whose_workers_die_of_a_task_says_so(
    cluster: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    there = Workplace(folder=tmp_path, cluster=cluster.scheduler_address)
    with pytest.raises(WorkplaceError, match="died"):
        list(carry_out(_die, [()], there))


def test_cluster_without_a_scheduler_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.workplace.CONNECT_SECONDS", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(WorkplaceError, match=address):
        list(carry_out(abs, [(-1,)], Workplace(folder=tmp_path, cluster=address)))


def test_cluster_where_something_else_answers_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.workplace.CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(WorkplaceError, match="does not greet as one"):
            require_cluster(address)


def test_cluster_without_a_worker_says_so(tmp_path: Path) -> None:
    with (
        LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(WorkplaceError, match="no worker"),
    ):
        list(carry_out(abs, [(-1,)], Workplace(folder=tmp_path, cluster=empty.scheduler_address)))


def test_process_that_dies_asks_for_fewer_jobs(tmp_path: Path) -> None:
    with pytest.raises(WorkplaceError, match="fewer --jobs than 2"):
        list(carry_out(_die, [(), ()], Workplace(folder=tmp_path, jobs=2)))


def test_results_come_with_their_numbers_as_they_are_ready(tmp_path: Path) -> None:
    found = dict(carry_out(abs, [(-3,), (-1,), (2,)], Workplace(folder=tmp_path)))
    assert found == {0: 3, 1: 1, 2: 2}
    assert list(carry_out(abs, [], Workplace(folder=tmp_path, cluster="tcp://nobody:1"))) == []


def test_cluster_that_loses_its_last_worker_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.standstill.STANDSTILL_SECONDS", 0.5)
    monkeypatch.setattr("training.standstill.LOOK_SECONDS", 0.1)
    with LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as lone:
        there = Workplace(folder=tmp_path, cluster=lone.scheduler_address)
        ending = Thread(target=_end_once_at_work, args=(lone,))
        ending.start()
        with pytest.raises(WorkplaceAwayError, match="has 0 workers, and nothing was worked on"):
            list(carry_out(time.sleep, [(60,)], there))
        ending.join()


def _end_once_at_work(cluster: LocalCluster) -> None:
    scheduler: Any = cluster.scheduler
    eventually_sync(lambda: any(one.processing for one in scheduler.workers.values()))
    (nanny,) = cluster.workers.values()
    cluster.sync(nanny.kill, timeout=3)  # and not begun anew
