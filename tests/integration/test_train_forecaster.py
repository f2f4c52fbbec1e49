"""`train_forecaster` from recorded frames to the served files."""

import gzip
from io import StringIO
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
import pytest
import torch
from django.conf import settings
from django.core.management import CommandError, call_command

from inference.artefacts.manifest import INPUT_NAME, OUTPUT_COLUMNS, OUTPUT_NAME, read_manifest
from inference.vocabulary import Role
from market.hot.vector import FEATURE_NAMES, INDEX, REQUIRED_FEATURES
from tests.recordings import BTC_FUTURES, BTC_SPOT, recording
from training.decisions import Decisions, decide
from training.drift.references import FORECASTS_REFERENCE, Reference
from training.export import ExportMismatchError, check_export, export_graph
from training.fitting import MICROPRICE_LINEAR, NETWORK, RIDGE, TREES, UNCHANGED, fit_ridge
from training.forecast_datasets import ForecastDataset
from training.networks import OUTPUTS, Floats, Forecaster, forecast
from training.protocol import Outcome
from training.recordings import read_recording, recording_digest
from training.scaling import fit_transform
from training.shipping import NETWORK_FILE, Order, fitted_alone, ship
from training.synthetic import synthetic_cells

OPTIONAL = [name for name in FEATURE_NAMES if name not in REQUIRED_FEATURES]


def _served(path: Path, features: Floats) -> Floats:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    answer = session.run([OUTPUT_NAME], {INPUT_NAME: features.astype(np.float32)})[0]
    return np.asarray(answer, dtype=np.float64)


@pytest.fixture(scope="module")
def rows() -> Decisions:
    return decide([synthetic_cells(minutes=7, seed=seed) for seed in (1, 2)])


@pytest.fixture(scope="module")
def network(rows: Decisions) -> Forecaster:
    # A residual far from zero, so that every part of the graph speaks.
    torch.manual_seed(3)
    graph = Forecaster(horizon_seconds=10.0, hidden=16)
    graph.transform = fit_transform(rows.features)
    with torch.no_grad():
        for parameter in graph.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter))
        graph.temperature.fill_(1.7)
        graph.residual_quantiles.copy_(torch.tensor([-1.5, 1.6]))
    return graph


@pytest.fixture(scope="module")
def exported(network: Forecaster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "network.onnx"
    export_graph(network, path)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    recordings = [str(recording(name)) for name in (BTC_SPOT, BTC_FUTURES)]
    output, printed = tmp_path_factory.mktemp("trained"), StringIO()
    call_command(
        "train_forecaster",
        recordings=[Path(one) for one in recordings],
        output=output,
        max_epochs=5,
        stdout=printed,
    )
    return output, printed.getvalue()


def test_outputs_of_network_and_manifest_are_the_same_columns() -> None:
    assert OUTPUTS == OUTPUT_COLUMNS


def test_export_at_every_batch_size_answers_as_the_network(
    network: Forecaster, exported: Path, rows: Decisions
) -> None:
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    expected = forecast(network, rows.features[:500])
    features = rows.features[:500].astype(np.float32)
    scale = np.abs(expected).max(axis=1, keepdims=True)
    for size in range(1, 501):
        answer = session.run([OUTPUT_NAME], {INPUT_NAME: features[:size]})[0]
        assert np.abs(answer - expected[:size]).max() <= (5e-6 * scale[:size]).max()
        assert answer.shape == (size, 6)


def test_export_answers_with_ordered_quantiles_and_probabilities(
    exported: Path, rows: Decisions
) -> None:
    answers = _served(exported, rows.features)
    assert (answers[:, 1] < answers[:, 0]).all()
    assert (answers[:, 0] < answers[:, 2]).all()
    assert (answers[:, 3:] > 0).all()
    assert answers[:, 3:].sum(axis=1) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", OPTIONAL)
def test_export_with_a_void_feature_answers_as_with_its_mean(
    network: Forecaster, exported: Path, rows: Decisions, name: str
) -> None:
    features = rows.features[:50].copy()
    features[:, INDEX[name]] = np.nan
    answers = _served(exported, features)
    assert np.isfinite(answers).all()
    inputs = network.transform(torch.from_numpy(features.astype(np.float32)))
    assert (inputs[:, INDEX[name]] == 0).all()


def test_export_in_a_market_that_stands_still_says_no_change(
    exported: Path, rows: Decisions
) -> None:
    features = rows.features[:5].copy()
    features[:, [INDEX["price_volatility"], INDEX["momentum"]]] = 0.0
    answers = _served(exported, features)
    assert (answers[:, :3] == 0).all()
    assert np.isfinite(answers).all()


def test_export_holds_no_path_of_the_machine_it_was_made_on(exported: Path) -> None:
    content = exported.read_bytes()
    assert str(settings.BASE_DIR).encode() not in content
    assert b".py" not in content


def test_check_export_of_another_network_refuses(
    exported: Path, network: Forecaster, rows: Decisions
) -> None:
    check_export(network, exported, rows.features)
    with pytest.raises(ExportMismatchError, match="differs"):
        check_export(fit_ridge(rows).graph, exported, rows.features)


def _outcome(rows: Decisions, output: Path) -> tuple[Outcome, Order]:
    order = Order(recordings=(), output=output, seed=5, max_epochs=4)
    return fitted_alone(rows, order), order


def test_training_twice_with_one_seed_gives_the_same_forecasts_and_file(
    rows: Decisions, tmp_path: Path
) -> None:
    first, one = _outcome(rows, tmp_path / "a")
    second, other = _outcome(rows, tmp_path / "b")
    for name, answers in first.final.answers.items():
        assert np.array_equal(answers, second.final.answers[name]), name
    made = ForecastDataset(
        rows, np.zeros(len(rows), dtype=np.int64), ("BTCUSDT",), "", "made up", "ab" * 32
    )
    ship(first, made, one)
    ship(second, made, other)
    assert (one.output / NETWORK_FILE).read_bytes() == (other.output / NETWORK_FILE).read_bytes()


def test_command_on_the_recordings_writes_what_the_registry_reads(
    trained: tuple[Path, str],
) -> None:
    output, printed = trained
    manifest = read_manifest(output / NETWORK_FILE)
    assert manifest is not None
    beside = {path.name for path in output.iterdir()} - {"btc_predictor_v1.manifest.json"}
    assert set(manifest.files) == beside
    assert manifest.training.recordings == (BTC_SPOT, BTC_FUTURES)
    assert manifest.metrics["leak_alarms"] == []
    for name in (UNCHANGED, MICROPRICE_LINEAR, RIDGE, TREES, NETWORK):
        assert f"| {name} |" in printed
        for part in ("walk_forward", "final_test"):
            assert manifest.metrics[part]["models"][name]["n"] > 0
    assert manifest.conclusion in printed


def test_shipped_artefact_says_what_it_is(trained: tuple[Path, str]) -> None:
    shipped = settings.BASE_DIR / "models" / NETWORK_FILE
    manifest = read_manifest(shipped)
    assert manifest is not None
    assert manifest.role in (Role.BASELINE, Role.CHAMPION)
    assert (manifest.architecture == NETWORK) == (manifest.role is Role.CHAMPION)
    digest = recording_digest([recording(name) for name in manifest.training.recordings])
    assert manifest.training.data_digest == digest
    if manifest.role is Role.BASELINE:
        assert "did not pass" in manifest.conclusion


def test_truncated_recording_gives_the_same_forecasts_up_to_its_end(
    trained: tuple[Path, str], tmp_path: Path
) -> None:
    source = sorted(recording(BTC_SPOT).glob("*.gz"))[0]
    with gzip.open(source) as frames, gzip.open(tmp_path / "part.gz", "wb") as part:
        part.writelines(islice(frames, 20_000))
    whole, cut = decide([read_recording(source)]), decide([read_recording(tmp_path / "part.gz")])
    assert 100 < len(cut) < len(whole)
    answers = _served(trained[0] / NETWORK_FILE, whole.features)
    again = _served(trained[0] / NETWORK_FILE, cut.features)
    assert np.array_equal(cut.features, whole.features[: len(cut)], equal_nan=True)
    assert np.array_equal(again, answers[: len(cut)])


def test_command_without_the_recording_names_it_and_writes_nothing(tmp_path: Path) -> None:
    missing, output = tmp_path / "nowhere", tmp_path / "models"
    with pytest.raises(CommandError, match="nowhere does not exist"):
        call_command("train_forecaster", recordings=[missing], output=output)
    assert not output.exists()


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("seed", -1, "--seed -1 is too small; allowed are 0 and more"),
        ("max_epochs", 0, "--max-epochs 0 is too small; allowed are 1 and more"),
        ("output", Path(__file__), "is a file; a folder is asked for"),
    ],
)
def test_command_bad_option_names_what_is_allowed(
    tmp_path: Path, option: str, value: object, told: str
) -> None:
    given = {"output": tmp_path / "models", "recordings": [tmp_path], option: value}
    with pytest.raises(CommandError, match=told):
        call_command("train_forecaster", **given)
    assert not (tmp_path / "models").exists()


def test_command_on_a_recording_that_is_too_short_says_so(tmp_path: Path) -> None:
    source = sorted(recording(BTC_SPOT).glob("*.gz"))[0]
    with gzip.open(source) as frames, gzip.open(tmp_path / "short.gz", "wb") as part:
        part.writelines(islice(frames, 20_000))
    with pytest.raises(CommandError, match="too short"):
        call_command(
            "train_forecaster", recordings=[tmp_path / "short.gz"], output=tmp_path / "models"
        )
    assert not (tmp_path / "models").exists()


def test_command_on_the_recordings_lays_what_was_learned_from_beside(
    trained: tuple[Path, str],
) -> None:
    output, _ = trained
    manifest = read_manifest(output / NETWORK_FILE)
    assert manifest is not None

    reference = msgspec.json.decode((output / FORECASTS_REFERENCE).read_bytes(), type=Reference)

    assert reference.version == manifest.version
    assert tuple(reference.sketches) == manifest.training.symbols
    sketches = reference.sketches["BTCUSDT"]
    assert len(sketches) == len(manifest.features)
    assert {each.n_eff for each in sketches.values()} == {None}, "minutes tell of no day"
