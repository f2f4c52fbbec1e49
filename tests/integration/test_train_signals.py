"""`train_signals`: fits that are kept, shipped, and the same after a kill."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from django.core.management import CommandError, call_command
from django.test import override_settings

from inference.artefacts.signal_manifest import (
    MANIFEST_NAME,
    NETWORK_NAME,
    SCALER_NAME,
    TORCH_NAME,
    Pointer,
    SignalManifest,
)
from inference.artefacts.torch_import import load_network
from market.candles.timeframes import Timeframe
from tests.made_candles import market, write_feathers
from tests.processes import ROOT
from tests.signal_datasets import made_up
from tests.waiting import eventually_sync
from training.recordings import TrainingDataError
from training.signals.datasets import SignalDataset
from training.signals.finished import CARD_NAME, stored_networks
from training.signals.fitted import FittedNetwork
from training.signals.options import FitOptions
from training.signals.trainer import FitTask, train
from training.workplace import Workplace

QUICK = FitOptions(
    members=1, epochs=3, least_epochs=1, stride=1, batch_size=128, channels=(4, 4), hidden=4
)
COINS = ("BTCUSDT", "ETHUSDT")


def _weights(networks: list[FittedNetwork]) -> list[np.ndarray]:
    return [tensor.numpy() for one in networks for tensor in one.state_dict.values()]


def _assert_same(one: list[FittedNetwork], other: list[FittedNetwork]) -> None:
    assert len(one) == len(other) > 0
    for mine, theirs in zip(_weights(one), _weights(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.fixture(scope="module")
def dataset() -> SignalDataset:
    return made_up(candles=400, signal=0.7)


@pytest.fixture(scope="module")
def tasks(dataset: SignalDataset) -> list[FitTask]:
    return [
        FitTask(dataset, f"fold-{n}", np.arange(len(dataset) * n // 3), QUICK) for n in (1, 2, 3)
    ]


@pytest.fixture(scope="module")
def alone(tasks: list[FitTask], tmp_path_factory: pytest.TempPathFactory) -> list[FittedNetwork]:
    return train(tasks, Workplace(folder=tmp_path_factory.mktemp("alone")))


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("candles")
    write_feathers(market(COINS, 1_400, momentum=0.5, timeframe=Timeframe.H1), root)
    return root


def _asked(candles: Path, models: Path) -> list[str]:
    asked = ["--timeframe", "1h", "--symbols", ",".join(COINS), "--candles", str(candles)]
    return [*asked, "--epochs", "4", "--jobs", "1", "--output", str(models)]


def _train_here(candles: Path, var: Path, models: Path) -> None:
    with override_settings(VAR_DIR=var):
        call_command("train_signals", *_asked(candles, models), stdout=StringIO())


@pytest.fixture(scope="module")
def trained(candles: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    var, models = tmp_path_factory.mktemp("var"), tmp_path_factory.mktemp("models")
    _train_here(candles, var, models)
    return var, models


def test_finished_networks_are_not_fitted_again(tasks, alone, tmp_path: Path) -> None:
    workplace = Workplace(folder=tmp_path)
    train(tasks, workplace)
    cards = [tmp_path / "1h" / task.split / CARD_NAME for task in tasks]
    before = [card.stat().st_mtime_ns for card in cards]
    _assert_same(train(tasks, workplace), alone)
    assert [card.stat().st_mtime_ns for card in cards] == before
    assert not list(tmp_path.rglob("*checkpoint*"))


def test_no_resume_fits_anew(tasks, alone, tmp_path: Path) -> None:
    train(tasks[:1], Workplace(folder=tmp_path))
    card = tmp_path / "1h" / tasks[0].split / CARD_NAME
    before = card.stat().st_mtime_ns
    _assert_same(train(tasks[:1], Workplace(folder=tmp_path, resume=False)), alone[:1])
    assert card.stat().st_mtime_ns != before


def test_other_options_are_another_network(tasks, alone, tmp_path: Path) -> None:
    train(tasks[:1], Workplace(folder=tmp_path))
    other = replace(tasks[0], options=replace(QUICK, seed=9))
    (fitted,) = train([other], Workplace(folder=tmp_path))
    assert not np.array_equal(_weights([fitted])[1], _weights(alone[:1])[1])


def test_stored_networks_are_those_that_were_trained(tasks, alone, dataset, tmp_path) -> None:
    train(tasks, Workplace(folder=tmp_path))
    stored = stored_networks(tmp_path, QUICK)
    found = [stored(dataset, task.rows, task.split) for task in tasks]
    _assert_same(found, alone)
    for one, other in zip(found, alone, strict=True):
        np.testing.assert_array_equal(one.scaler_mean, other.scaler_mean)
        assert one.history == other.history


@pytest.mark.parametrize("damage", [b"", b"{}", b"PK torn"])
def test_stored_network_that_is_damaged_is_not_taken(
    tasks, dataset, tmp_path: Path, damage: bytes
) -> None:
    train(tasks[:1], Workplace(folder=tmp_path))
    folder = tmp_path / "1h" / tasks[0].split
    (folder / TORCH_NAME).write_bytes(damage)
    with pytest.raises(TrainingDataError, match="run train_signals"):
        stored_networks(tmp_path, QUICK)(dataset, tasks[0].rows, tasks[0].split)


def test_stored_network_of_other_rows_is_not_taken(tasks, dataset, tmp_path: Path) -> None:
    train(tasks[:1], Workplace(folder=tmp_path))
    with pytest.raises(TrainingDataError, match="fold-1"):
        stored_networks(tmp_path, QUICK)(dataset, tasks[1].rows, tasks[0].split)


def test_command_ships_a_network_a_manifest_and_pointers(trained: tuple[Path, Path]) -> None:
    folder = trained[1] / "pooled" / "1h"
    manifest = msgspec.json.decode((folder / MANIFEST_NAME).read_bytes(), type=SignalManifest)
    assert manifest.symbols == COINS
    assert {NETWORK_NAME, TORCH_NAME, SCALER_NAME} <= manifest.files.keys()
    assert load_network(folder / TORCH_NAME).shape.symbols == len(COINS)
    for symbol in COINS:
        pointer = trained[1] / symbol / "1h" / MANIFEST_NAME
        assert msgspec.json.decode(pointer.read_bytes(), type=Pointer).points_to == "pooled/1h"


def test_command_killed_and_started_again_ends_with_the_same_network(
    candles: Path,
    trained: tuple[Path, Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    var, models = tmp_path / "var", tmp_path / "models"
    process = subprocess.Popen(
        [sys.executable, "manage.py", "train_signals", *_asked(candles, models)],
        cwd=ROOT,
        env={**os.environ, "VAR_DIR": str(var), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
    )
    folds = var / "training" / "signals" / "1h"
    eventually_sync((folds / "fold-2" / CARD_NAME).exists, seconds=120)
    process.send_signal(signal.SIGKILL)
    _, told = process.communicate()
    shipped, expected = models / "pooled" / "1h", trained[1] / "pooled" / "1h"
    assert not shipped.exists()
    assert not (folds / "final" / CARD_NAME).exists()
    first = folds / "fold-1" / CARD_NAME
    kept = first.stat().st_mtime_ns
    capfd.readouterr()
    _train_here(candles, var, models)
    _assert_same_state(shipped / TORCH_NAME, expected / TORCH_NAME)
    for name in (SCALER_NAME, NETWORK_NAME):
        assert (shipped / name).read_bytes() == (expected / name).read_bytes()
    assert first.stat().st_mtime_ns == kept  # what was fitted was not fitted again
    assert "%|" not in told.decode() + capfd.readouterr().err  # no bars where nobody watches


def _assert_same_state(one: Path, other: Path) -> None:
    mine, theirs = load_network(one).state_dict(), load_network(other).state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("timeframe", ["2h"], "15m, 1h, 4h, 1d"),
        ("symbols", "BTCUSDT,NONEUSDT", "BTCUSDT"),
        ("symbols", " , ", "BTCUSDT"),
        ("device", "tpu", "cpu, cuda"),
        ("jobs", 0, "1 and more"),
        ("epochs", 0, "1 and more"),
        ("seed", -1, "0 and more"),
        ("cluster", "127.0.0.1", "tcp://127.0.0.1:8786"),
        ("output", Path(__file__), "is a file; a folder is asked for"),
    ],
)
def test_command_bad_option_names_what_is_allowed(option, value, allowed) -> None:
    with pytest.raises(CommandError, match=allowed):
        call_command("train_signals", **{option: value}, stdout=StringIO())


def test_command_cuda_without_a_device_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CommandError, match="no CUDA device"):
        call_command("train_signals", device="cuda", stdout=StringIO())


def test_command_folder_without_candles_names_it(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=str(tmp_path)):
        call_command("train_signals", timeframe=["1h"], candles=tmp_path, stdout=StringIO())
