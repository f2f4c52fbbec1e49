"""A user's ONNX: taken in and put on trial where it keeps the contract, refused where it cheats."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import joblib
import msgspec
import numpy as np
import onnx
import pytest
from django.core.management import CommandError, call_command
from onnx import numpy_helper
from pytest_django import Settings
from sklearn.preprocessing import StandardScaler

from inference.artefacts.manifest import manifest_path, read_manifest, write_manifest
from inference.artefacts.registry import Registry
from inference.artefacts.signal_folder import read_folder
from inference.artefacts.signal_manifest import SignalManifest
from inference.artefacts.signal_network import open_signal_network
from inference.artefacts.versions import FORECASTER_NAME, Slot, VersionStore
from inference.forecasts.engine import Engine
from inference.vocabulary import FORECASTS, SIGNALS
from market.candles.timeframes import Timeframe
from market.hot.vector import FEATURE_COUNT, INDEX
from predictions.audit.hot_lookahead import served_model
from predictions.importing import taking_in
from predictions.importing.forecast_import import check_forecaster
from predictions.importing.forecast_rows import ForecastRows, places, recorded_rows
from predictions.importing.signal_import import check_signals
from predictions.importing.signal_rows import SignalRows, candle_rows, shared
from predictions.models import ModelVersion, Promotion
from tests.integration.brought_networks import Nodes, forecaster, node
from tests.recordings import NEXO_SPOT, SHARED, candle_file, recording
from tests.unit.artefact_files import Floats, Linear, manifest, write_network
from tests.unit.signal_artefacts import write_onnx

FORECASTER, HOUR = Slot(FORECASTS), Slot(SIGNALS, Timeframe.H1)
COINS = ("BTCUSDT", "ETHUSDT")
BY: dict[str, Any] = {"by": "ann", "why": "a test"}


CHEATS: dict[str, tuple[Nodes, str, str]] = {
    "looks_at_the_next_row": (
        (
            node("Slice", ["own", "from", "to", "axis"], "later"),
            node("Slice", ["own", "axis", "from", "axis"], "first"),
            node("Concat", ["later", "first"], "moved", axis=0),
        ),
        "moved",
        "depend on the rows that follow",
    ),
    "adds_up_the_batch": (
        (
            node("CumSum", ["own", "axis0"], "sums"),
            node("Constant", [], "axis0", value=numpy_helper.from_array(np.array(0))),
        )[::-1],
        "sums",
        "depend on the order",
    ),
    "takes_off_the_mean": (
        (
            node("ReduceMean", ["own"], "middle", axes=[0], keepdims=1),
            node("Sub", ["own", "middle"], "less"),
        ),
        "less",
        "depend on",
    ),
    "draws_lots": (
        (
            node("RandomNormalLike", ["own"], "noise", scale=0.1),
            node("Add", ["own", "noise"], "noisy"),
        ),
        "noisy",
        "asked again, it answers otherwise",
    ),
    "answers_nan": (
        (node("Log", ["own"], "logs"),),
        "logs",
        "not finite numbers",
    ),
    "says_a_price": (
        (
            node("Gather", ["filled", "mid"], "price", axis=1),
            node("Mul", ["price", "large"], "dear"),
            node("Add", ["own", "dear"], "priced"),
        ),
        "priced",
        "not a price",
    ),
    "knows_the_price": (
        (
            node("Gather", ["filled", "mid"], "price", axis=1),
            node("Sin", ["price"], "wave"),
            node("Mul", ["wave", "ret_only"], "little"),
            node("Add", ["own", "little"], "priced"),
        ),
        "priced",
        "depend on the absolute price",
    ),
}


def cheat(path: Path, name: str) -> tuple[Path, str]:
    extra, said, told = CHEATS[name]
    constants = {
        "large": np.array([10_000, 10_000, 10_000, 0, 0, 0], np.float32),
        "ret_only": np.array([1, 0, 0, 0, 0, 0], np.float32),
    }
    return forecaster(path, extra, said, constants=constants), told


@pytest.fixture(scope="module")
def rows() -> ForecastRows:
    return recorded_rows([recording(NEXO_SPOT)], 10_000)


@pytest.fixture(scope="module")
def windows() -> SignalRows:
    candle_file("BTC", "1h")
    return candle_rows([("shared", shared(SHARED, Timeframe.H1))], COINS, Timeframe.H1, 2.0)


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> VersionStore:
    settings.VAR_DIR = tmp_path / "var"
    settings.RECORDINGS_DIR = tmp_path / "var" / "recordings"
    settings.CANDLES_DIR = tmp_path / "var" / "candles"
    settings.SHARED_DATA = SHARED
    return VersionStore(settings.VAR_DIR)


@pytest.fixture
def read_once(rows: ForecastRows, windows: SignalRows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking_in, "recorded_rows", lambda *_: rows)
    monkeypatch.setattr(taking_in, "candle_rows", lambda *_: windows)


def take_in(file: Path, slot: Slot, **options: Any) -> str:
    out = StringIO()
    call_command("import_model", str(file), slot=str(slot), stdout=out, **(BY | options))
    return out.getvalue()


def engine(path: Path) -> Engine:
    return Engine(
        Registry(configured=str(path), base_dir=path.parent, var_dir=path.parent).load_at(path)
    )


def described(path: Path) -> Path:
    """Put a manifest beside a network, as an import would."""
    write_manifest(manifest(), path)
    return path


@pytest.mark.django_db
@pytest.mark.usefixtures("read_once")
def test_import_forecaster_that_keeps_the_contract_is_put_on_trial(
    store: VersionStore, tmp_path: Path
) -> None:
    told = take_in(forecaster(tmp_path / "mine.onnx"), FORECASTER, name="mine-1")

    assert "mine-1 is on trial" in told
    assert "binance-spot-nexousdt" in told
    assert set(store.shadows(FORECASTER)) == {"mine-1"}
    row = ModelVersion.objects.get(version="mine-1")
    assert (row.origin, row.state, row.architecture) == ("imported", "shadow", "imported")
    assert (row.span_from, row.span_to, row.venue) == (None, None, "")
    card = read_manifest(store.folder(FORECASTER, "mine-1") / FORECASTER_NAME)
    assert card is not None
    assert (card.metrics, card.training.rows, card.training.data_digest) == ({}, 0, "")
    assert "not known" in card.conclusion
    done = Promotion.objects.get(action="trial")
    assert (done.by, done.why) == ("ann", "a test")
    with pytest.raises(CommandError, match="mine-1 already, which never changes"):
        take_in(tmp_path / "mine.onnx", FORECASTER, name="mine-1")


@pytest.mark.parametrize("name", CHEATS)
def test_check_forecaster_that_cheats_says_how(
    name: str, rows: ForecastRows, tmp_path: Path
) -> None:
    path, told = cheat(tmp_path / FORECASTER_NAME, name)

    answer = served_model(engine(described(path)))
    findings = check_forecaster(answer, rows, native=True)

    assert any(told in each for each in findings.objections), findings.objections


def test_check_forecaster_that_knows_what_came_rings_the_alarm(rows: ForecastRows) -> None:
    came_bp = np.nan_to_num(rows.returns_bp)
    known = {row.tobytes(): came for row, came in zip(rows.features, came_bp, strict=True)}

    def learned_by_heart(features: Floats) -> Floats:
        said = np.array([known.get(row.tobytes(), 0.0) for row in features])
        share = np.full(len(said), 1 / 3)
        return np.column_stack((said, said - 5, said + 5, share, share, share))

    findings = check_forecaster(learned_by_heart, rows, native=True)

    assert any("is above 0.12: look for a leak" in one for one in findings.objections)


@pytest.mark.django_db
@pytest.mark.usefixtures("read_once")
def test_import_forecaster_that_cannot_be_opened_is_named_by_its_own_path(
    store: VersionStore, tmp_path: Path
) -> None:
    broken = tmp_path / "mine.onnx"
    broken.write_bytes(b"nothing")
    with pytest.raises(CommandError) as caught:
        call_command("import_model", str(broken), "--for", "forecasts", "--why", "x")
    assert str(caught.value).startswith(f"{broken}: is not a network")


@pytest.mark.django_db
@pytest.mark.usefixtures("read_once")
def test_import_forecaster_refused_leaves_nothing_behind(
    store: VersionStore, tmp_path: Path
) -> None:
    path, told = cheat(tmp_path / "mine.onnx", "looks_at_the_next_row")
    with pytest.raises(CommandError, match=told):
        take_in(path, FORECASTER)
    wide = forecaster(tmp_path / "wide.onnx", width=21)
    with pytest.raises(CommandError, match="takes 21 features"):
        take_in(wide, FORECASTER)
    with pytest.raises(CommandError, match="unknown; allowed are forecasts, signals/15m"):
        call_command("import_model", str(path), slot="candles", **BY)
    assert store.versions(FORECASTER) == []
    assert not ModelVersion.objects.filter(origin="imported").exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("read_once")
def test_import_forecaster_with_a_manifest_keeps_its_claims_as_claims(
    store: VersionStore, tmp_path: Path
) -> None:
    card = tmp_path / "card.json"
    card.write_bytes(msgspec.json.encode(manifest(metrics={"r2": 0.5})))

    take_in(forecaster(tmp_path / "mine.onnx"), FORECASTER, name="mine-2", manifest=card)

    kept = json.loads(
        manifest_path(store.folder(FORECASTER, "mine-2") / FORECASTER_NAME).read_text()
    )
    assert kept["metrics"] == {"claimed": {"r2": 0.5}}
    assert (kept["version"], kept["architecture"]) == ("mine-2", "imported: linear")
    assert kept["role"] == "baseline"  # whatever it claims: no gate let it in


@pytest.mark.django_db
@pytest.mark.usefixtures("read_once")
def test_import_signals_that_keep_the_contract_are_put_on_trial(
    store: VersionStore, tmp_path: Path
) -> None:
    write_onnx(tmp_path / "mine.onnx", symbols=2)

    told = take_in(
        tmp_path / "mine.onnx", HOUR, symbols=",".join(COINS), name="mine-1h", threshold=0.5
    )

    assert "signals/1h: mine-1h is on trial" in told
    card = read_folder(store.folder(HOUR, "mine-1h"))
    assert isinstance(card, SignalManifest)
    assert (card.symbols, card.threshold, card.accuracy, card.metrics) == (COINS, 0.5, None, {})
    assert set(store.shadows(HOUR)) == {"mine-1h"}
    with pytest.raises(CommandError, match="which coins does it know"):
        take_in(tmp_path / "mine.onnx", HOUR, name="other")


def test_check_signals_that_mix_a_batch_say_so(windows: SignalRows, tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    write_onnx(path, symbols=2)
    model = onnx.load(str(path))
    softmax = model.graph.node[-1]
    model.graph.node.remove(softmax)
    model.graph.node.extend(
        [
            node("ReduceMean", ["logits"], "middle", axes=[0], keepdims=1),
            node("Sub", ["logits", "middle"], "less"),
            node("Softmax", ["less"], softmax.output[0], axis=1),
        ]
    )
    onnx.save(model, str(path))

    mixing = open_signal_network(path.read_bytes(), "d", path, 2)
    findings = check_signals(mixing.run, windows, Timeframe.H1)

    assert any("depend on" in each for each in findings.objections)


def test_candle_rows_are_windows_as_served_with_what_came(windows: SignalRows) -> None:
    assert windows.windows.shape[1:] == (60, 14)
    assert np.isfinite(windows.windows).all()
    assert set(windows.symbols.tolist()) == {0, 1}
    shares = np.bincount(windows.labels[windows.labels >= 0], minlength=3) / len(windows.labels)
    assert (shares > 0.1).all()


def test_places_of_recordings_are_those_given_else_the_shared_ones(tmp_path: Path) -> None:
    given = [tmp_path / "mine"]
    assert places(given, tmp_path, SHARED) == given
    assert recording(NEXO_SPOT) in places([], tmp_path / "none", SHARED)


@pytest.mark.django_db
@pytest.mark.usefixtures("read_once")
def test_import_forecaster_of_the_specifications_layout_says_a_price(
    store: VersionStore, rows: ForecastRows, tmp_path: Path
) -> None:
    scaler = StandardScaler().fit(np.nan_to_num(rows.features))
    mid = INDEX["mid_price"]
    weights = np.zeros((FEATURE_COUNT, 1), np.float32)
    weights[mid] = scaler.scale_[mid]
    bias, zeros = scaler.mean_[[mid]].astype(np.float32), np.zeros(FEATURE_COUNT, np.float32)
    write_network(tmp_path / "spec.onnx", Linear(weights, bias, zeros))
    joblib.dump(scaler, tmp_path / "scaler.pkl")

    take_in(tmp_path / "spec.onnx", FORECASTER, name="spec-1")

    folder = store.folder(FORECASTER, "spec-1")
    assert sorted(path.name for path in folder.iterdir()) == [FORECASTER_NAME, "scaler.pkl"]
