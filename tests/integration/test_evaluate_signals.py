"""From candles to what is served and its report: build_dataset, train_signals, evaluate_signals."""

import json
import shutil
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from inference.artefacts.manifest_files import file_digest
from inference.artefacts.signal_manifest import (
    MANIFEST_NAME,
    NETWORK_NAME,
    SCALER_NAME,
    TORCH_NAME,
)
from inference.artefacts.signal_registry import ModelRegistry
from inference.vocabulary import Role
from market.candles.indicators import INDICATOR_COUNT, WINDOW
from market.candles.timeframes import Timeframe
from tests.made_candles import market, write_feathers
from training.signals.evaluating import shipped_manifest

COINS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
H1 = Timeframe.H1


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of its own with candles, networks and artefacts of three coins."""
    root = tmp_path_factory.mktemp("signals")
    write_feathers(market(COINS, 900, momentum=0.3, timeframe=H1), root / "candles")
    with override_settings(VAR_DIR=root / "var", SIGNAL_SYMBOLS=COINS, SHARED_DATA=root):
        _called("train_signals", root, epochs=1, jobs=1, output=root / "models")
        yield root


def _called(command: str, root: Path, **options: Any) -> str:
    out = StringIO()
    timeframe: Any = ["1h"] if command == "train_signals" else "1h"
    given = {"timeframe": timeframe, "candles": root / "candles", **options}
    call_command(command, stdout=out, stderr=StringIO(), **given)
    return out.getvalue()


def _evaluated(root: Path, **options: Any) -> dict[str, Any]:
    given = {"models": root / "models", "report": root / "report", **options}
    line: dict[str, Any] = json.loads(_called("evaluate_signals", root, json=True, **given))
    return line


def test_build_dataset_writes_what_can_be_trained_on(trained: Path) -> None:
    said = _called("build_dataset", trained, output=trained / "datasets")
    assert "of 3 coins" in said
    assert (trained / "datasets" / "signals-1h.npz").is_file()


def test_build_dataset_without_candles_says_where_it_looked(trained: Path) -> None:
    with pytest.raises(CommandError, match="is not a folder of 1h candles"):
        _called("build_dataset", trained, candles=trained / "absent")


def test_train_signals_ships_what_the_registry_serves(trained: Path) -> None:
    registry = ModelRegistry(trained / "models", trained / "var")
    models = [registry.model(symbol, H1) for symbol in COINS]
    manifest = shipped_manifest(trained / "models" / "pooled" / "1h")
    assert len({id(model.network) for model in models}) == 1
    assert [model.index for model in models] == [0, 1, 2]
    assert models[0].accuracy == manifest.accuracy
    assert models[0].role == (
        Role.CHAMPION if manifest.architecture == "CNN-LSTM" else Role.BASELINE
    )
    windows = np.zeros((2, WINDOW, INDICATOR_COUNT), np.float32)
    answers = models[0].network.run(windows, np.array([0, 2]))
    assert answers.sum(axis=1) == pytest.approx(1)


def test_manifest_tells_every_baseline_the_gate_and_a_conclusion(trained: Path) -> None:
    manifest = shipped_manifest(trained / "models" / "pooled" / "1h")
    judged = manifest.metrics["walk_forward"]
    assert set(judged) == {
        "class prior",
        "volatility only",
        "multinomial logistic",
        "LightGBM",
        "CNN-LSTM",
    }
    assert len(manifest.metrics["gate"]["criteria"]) == 8
    assert "beyond chance" in manifest.conclusion
    assert manifest.version.startswith("v1.0.0-")
    assert {NETWORK_NAME, TORCH_NAME, SCALER_NAME} <= set(manifest.files)
    assert manifest.training.symbols == COINS


def test_evaluate_signals_judges_the_trained_networks_again(trained: Path) -> None:
    line = _evaluated(trained)
    manifest = shipped_manifest(trained / "models" / "pooled" / "1h")
    assert line["champion"] == manifest.architecture
    assert line["role"] == manifest.role
    prior = line["baselines"]["class prior"]
    assert prior["log_loss_skill"] == 0
    assert prior["log_loss_skill_interval"] == [None, None]
    assert set(line["baselines"]) == {
        "class prior",
        "volatility only",
        "multinomial logistic",
        "LightGBM",
    }
    for key in ("log_loss_skill", "dm_p", "direction_given_touch", "top_decile_direction", "ece"):
        assert key in line
    assert "everything was judged anew" in line["provenance"][0]


def test_evaluate_signals_without_networks_asks_the_shipped_files(
    trained: Path, tmp_path: Path
) -> None:
    again = _evaluated(trained)
    line = _evaluated(trained, networks=tmp_path / "none", report=tmp_path / "report")
    assert "the shipped files were asked" in line["provenance"][0]
    assert line["log_loss_skill"] == pytest.approx(again["log_loss_skill"], abs=1e-5)
    assert line["networks"]["CNN-LSTM"]["log_loss_skill"] == pytest.approx(
        again["networks"]["CNN-LSTM"]["log_loss_skill"], abs=1e-5
    )
    report = (tmp_path / "report" / "report.md").read_text()
    assert line["conclusion"] in report
    for picture in ("reliability.png", "blocks.png"):
        assert picture in report
        assert (tmp_path / "report" / picture).stat().st_size > 1_000


def test_evaluate_signals_of_other_candles_is_refused(trained: Path, tmp_path: Path) -> None:
    write_feathers(market(COINS, 700, timeframe=H1), tmp_path / "candles")
    with pytest.raises(CommandError, match="other candles"):
        _evaluated(trained, candles=tmp_path / "candles")


def test_evaluate_signals_of_a_damaged_file_is_refused(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "models", tmp_path / "models")
    network = tmp_path / "models" / "pooled" / "1h" / NETWORK_NAME
    network.write_bytes(network.read_bytes() + b"x")
    with pytest.raises(CommandError, match=r"has SHA-256 .*, the manifest says"):
        _evaluated(trained, models=tmp_path / "models")


def test_evaluate_signals_of_a_foreign_network_is_refused_before_any_work(
    trained: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained / "models", tmp_path / "models")
    folder = tmp_path / "models" / "pooled" / "1h"
    shutil.copy(settings.BASE_DIR / "models" / "btc_predictor_v1.onnx", folder / NETWORK_NAME)
    manifest = shipped_manifest(trained / "models" / "pooled" / "1h")
    files = {**manifest.files, NETWORK_NAME: file_digest(folder / NETWORK_NAME)}
    told = msgspec.structs.replace(manifest, files=files)
    (folder / MANIFEST_NAME).write_bytes(msgspec.json.encode(told))
    # No candles are read: they are not even there.
    with pytest.raises(CommandError, match=rf"{NETWORK_NAME}.* has the inputs"):
        _evaluated(trained, models=tmp_path / "models", candles=tmp_path / "absent")


def test_versions_of_other_options_differ_and_of_the_same_do_not(
    trained: Path, tmp_path: Path
) -> None:
    pooled = Path("pooled") / "1h"
    shipped = shipped_manifest(trained / "models" / pooled).version
    for seed, output in ((1, tmp_path / "again"), (2, tmp_path / "other")):
        _called("train_signals", trained, epochs=1, jobs=1, seed=seed, output=output)
    assert shipped_manifest(tmp_path / "again" / pooled).version == shipped
    assert shipped_manifest(tmp_path / "other" / pooled).version != shipped


def test_evaluate_signals_without_artefacts_names_the_manifest(
    trained: Path, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=MANIFEST_NAME):
        _evaluated(trained, models=tmp_path)
