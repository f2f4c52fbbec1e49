"""The specification's `cnn_lstm_best.pt` + `scaler.pkl`: served as torch answers, or refused.

One child process converts all folders of this module: it takes seconds to import torch.
"""

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from joblib import dump
from sklearn.preprocessing import StandardScaler

from inference.artefacts.errors import ArtefactError
from inference.artefacts.signal_manifest import SCALER_NAME, TORCH_NAME
from inference.artefacts.signal_network import open_signal_network
from inference.artefacts.signal_registry import ModelRegistry, SignalModel, reason_of
from inference.artefacts.torch_import import CnnLstm, Served, Shape, export_onnx, load_network
from inference.vocabulary import SignalReason
from market.candles.indicators import INDICATOR_COUNT, WINDOW
from market.candles.timeframes import Timeframe
from tests.unit.signal_artefacts import NoTorch, write_pooled

H1 = Timeframe.H1
SMALL = Shape(channels=(8,), hidden=8)


def write_torch(folder: Path, shape: Shape = SMALL) -> CnnLstm:
    """Write the specification's layout; return the network."""
    torch.manual_seed(3)
    network = CnnLstm(shape).eval()
    for parameter in network.parameters():
        parameter.data.mul_(2)  # fresh weights say much the same of everything
    network.temperature.fill_(1.7)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), folder / TORCH_NAME)
    write_scaler(folder)
    return network


def write_scaler(folder: Path, width: int = INDICATOR_COUNT) -> StandardScaler:
    rows = np.random.default_rng(1).normal(3, 2, (50, width))
    scaler = StandardScaler().fit(rows)
    dump(scaler, folder / SCALER_NAME)
    return scaler


class Evil:
    """What a hostile pickle does: a call of its own choosing."""

    def __reduce__(self) -> Any:
        return os.mkdir, (os.environ["EVIL_PATH"],)


def corrupt(folder: Path) -> None:
    (folder / TORCH_NAME).write_bytes((folder / TORCH_NAME).read_bytes()[:2_000])


def whole_module(folder: Path) -> None:
    torch.save(CnnLstm(SMALL), folder / TORCH_NAME)


def hostile_torch(folder: Path) -> None:
    torch.save({"head.weight": Evil()}, folder / TORCH_NAME)


def hostile_scaler(folder: Path) -> None:
    (folder / SCALER_NAME).write_bytes(pickle.dumps(Evil()))


def foreign_tensors(folder: Path) -> None:
    torch.save(torch.nn.Linear(3, 4).state_dict(), folder / TORCH_NAME)


def not_finite(folder: Path) -> None:
    change(folder, "head.bias", lambda tensor: tensor.fill_(float("nan")))


def frozen(folder: Path) -> None:
    change(folder, "temperature", lambda tensor: tensor.fill_(0.0))


def other_width(folder: Path) -> None:
    change(folder, "convolutions.0.weight", lambda tensor: tensor[:, :13])


def two_classes(folder: Path) -> None:
    change(folder, "head.weight", lambda tensor: tensor[:2])


def change(folder: Path, name: str, how: Callable[[torch.Tensor], torch.Tensor]) -> None:
    state = torch.load(folder / TORCH_NAME, weights_only=True)
    torch.save({**state, name: how(state[name])}, folder / TORCH_NAME)


def narrow_scaler(folder: Path) -> None:
    write_scaler(folder, 13)


def with_embedding(folder: Path) -> None:
    write_torch(folder, Shape(channels=(8,), hidden=8, symbols=3, embedding=2))


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "CORRUPT": (corrupt, "not a file of weights"),
    "MODULE": (whole_module, "state_dict()"),
    "HOSTILETORCH": (hostile_torch, "more than weights"),
    "HOSTILESCALER": (hostile_scaler, "StandardScaler"),
    "FOREIGN": (foreign_tensors, "lstm.weight_ih_l<n>"),
    "NAN": (not_finite, "not finite"),
    "FROZEN": (frozen, "temperature"),
    "WIDTH": (other_width, "13 indicators"),
    "CLASSES": (two_classes, "2 classes"),
    "NARROW": (narrow_scaler, "13 features"),
    "EMBEDDING": (with_embedding, "3 symbols"),
}
DEEP = Shape(channels=(6, 5), kernel=3, hidden=7, layers=2, linear=False)


@dataclass(frozen=True)
class Folders:
    """What one registry said of all folders of this module."""

    root: Path
    answers: dict[str, SignalModel | ArtefactError]
    networks: dict[str, CnnLstm]
    scaler: StandardScaler


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("torch")
    models = root / "models"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVIL_PATH", str(root / "evil"))
        networks = {
            "SMALL": write_torch(models / "SMALL" / "1h"),
            "DEEP": write_torch(models / "DEEP" / "1h", DEEP),
        }
        scaler = write_scaler(models / "SMALL" / "1h")
        for name, (damage, _) in DAMAGES.items():
            write_torch(models / name / "1h")
            damage(models / name / "1h")
        names = [*networks, *DAMAGES]
        registry = ModelRegistry(models, root / "var")
        answers = registry.models([(name, H1) for name in names])
        yield Folders(root, dict(zip(names, answers, strict=True)), networks, scaler)


@pytest.mark.parametrize("name", ["SMALL", "DEEP"])
def test_torch_layout_is_served_as_torch_answers(said: Folders, name: str) -> None:
    model = said.answers[name]
    assert isinstance(model, SignalModel)
    rows = np.random.default_rng(5).normal(3, 4, (200, WINDOW, INDICATOR_COUNT)).astype(np.float32)
    served = Served(said.networks[name], said.scaler.mean_, said.scaler.scale_)
    for count in (1, 2, 7, 34, 200):
        zeros = np.zeros(count, np.int64)
        with torch.no_grad():
            expected = served(torch.tensor(rows[:count]), torch.tensor(zeros)).numpy()
        assert np.abs(model.network.run(rows[:count], zeros) - expected).max() <= 1e-5
    assert expected.std(axis=0).min() > 1e-3  # it does not say the same of everything


def test_torch_layout_claims_nothing_that_it_does_not_know(said: Folders) -> None:
    model = said.answers["SMALL"]
    assert isinstance(model, SignalModel)
    assert (model.threshold, model.accuracy, model.touch_times) == (None, None, None)


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_or_hostile_torch_layout_is_refused_and_runs_nothing(
    said: Folders, name: str
) -> None:
    error = said.answers[name]
    assert isinstance(error, ArtefactError)
    assert reason_of(error) is SignalReason.ARTEFACT_REFUSED
    assert DAMAGES[name][1] in str(error)
    assert str(said.root / "models" / name / "1h") in str(error)
    assert not (said.root / "evil").exists()


def test_torch_layout_is_converted_once(said: Folders) -> None:
    # Without torch, what was converted before still serves.
    converter = NoTorch(said.root / "var" / "converted")
    again = ModelRegistry(said.root / "models", said.root / "var", converter=converter)
    assert again.model("SMALL", H1).index == 0


def test_torch_layout_wins_over_a_pointer(said: Folders) -> None:
    write_pooled(said.root / "models", symbols=("DEEP",), network={"symbols": 1})
    assert (said.root / "models" / "DEEP" / "1h" / "manifest.json").exists()
    registry = ModelRegistry(said.root / "models", said.root / "var")
    assert registry.model("DEEP", H1).manifest is None


def test_torch_layout_without_torch_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "BTCUSDT" / "1h"
    write_torch(folder)
    registry = ModelRegistry(
        tmp_path / "models", tmp_path / "var", converter=NoTorch(tmp_path / "converted")
    )
    with pytest.raises(ArtefactError, match=TORCH_NAME) as caught:
        registry.model("BTCUSDT", H1)
    assert reason_of(caught.value) is SignalReason.TORCH_MISSING


def test_torch_layout_without_scaler_says_so_though_a_pointer_is_there(tmp_path: Path) -> None:
    write_pooled(tmp_path / "models")
    folder = tmp_path / "models" / "BTCUSDT" / "1h"
    write_torch(folder)
    (folder / SCALER_NAME).unlink()
    with pytest.raises(ArtefactError) as caught:
        ModelRegistry(tmp_path / "models", tmp_path / "var").model("BTCUSDT", H1)
    assert reason_of(caught.value) is SignalReason.SCALER_MISSING
    assert caught.value.path == folder / SCALER_NAME


@pytest.mark.parametrize("shape", [SMALL, DEEP, Shape(symbols=5, embedding=3, linear=False)])
def test_network_shape_is_read_off_a_bare_state_dict(tmp_path: Path, shape: Shape) -> None:
    torch.save(CnnLstm(shape).state_dict(), tmp_path / TORCH_NAME)
    assert load_network(tmp_path / TORCH_NAME).shape == shape


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Served, Path]:
    torch.manual_seed(4)
    network = CnnLstm(Shape(symbols=34, embedding=4)).eval()
    mean, scale = np.full(INDICATOR_COUNT, 3.0), np.full(INDICATOR_COUNT, 2.0)
    path = tmp_path_factory.mktemp("exported") / "network.onnx"
    export_onnx(network, mean, scale, path)
    return Served(network, mean, scale), path


def test_pooled_network_exported_answers_as_torch_for_each_symbol(
    exported: tuple[Served, Path],
) -> None:
    network, path = exported
    opened = open_signal_network(path.read_bytes(), "", path, symbols=34)
    rng = np.random.default_rng(6)
    for count in (1, 2, 33, 34, 200):
        rows = rng.normal(3, 3, (count, WINDOW, INDICATOR_COUNT)).astype(np.float32)
        symbols = rng.integers(0, 34, count)
        with torch.no_grad():
            expected = network(torch.tensor(rows), torch.tensor(symbols))
        assert np.abs(opened.run(rows, symbols) - expected.numpy()).max() <= 1e-5


def test_exported_network_holds_no_path_of_the_machine_it_was_made_on(
    exported: tuple[Served, Path],
) -> None:
    assert str(Path(__file__).resolve().parents[2]).encode() not in exported[1].read_bytes()


@pytest.mark.parametrize("program", ["/bin/false", "/no/such/python"])
def test_torch_layout_whose_converter_dies_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    write_torch(tmp_path / "models" / "BTCUSDT" / "1h")
    monkeypatch.setattr("sys.executable", program)
    with pytest.raises(ArtefactError, match="could not be converted") as caught:
        ModelRegistry(tmp_path / "models", tmp_path / "var").model("BTCUSDT", H1)
    assert reason_of(caught.value) is SignalReason.ARTEFACT_REFUSED
