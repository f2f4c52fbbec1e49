"""Manifest and registry: what is checked before a network is served, and what comes next."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import msgspec
import pytest
from sklearn.preprocessing import StandardScaler

from inference.artefacts.errors import (
    HorizonMismatch,
    ModelUnavailable,
    Refusal,
    RefusedArtefact,
)
from inference.artefacts.manifest import (
    manifest_path,
    write_manifest,
)
from inference.artefacts.manifest_files import file_digest
from inference.artefacts.registry import Contract, Registry
from inference.config import ConfigError, ModelConfig, PredictionConfig, ServiceConfig
from inference.vocabulary import Role
from market.hot.vector import FEATURE_NAMES
from tests.unit.artefact_files import (
    NAME,
    linear,
    manifest,
    market_rows,
    registry,
    write_native,
    write_network,
)


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    return tmp_path / "models" / NAME


@pytest.fixture
def promoted(tmp_path: Path) -> Path:
    return tmp_path / "var" / "models" / NAME


def previous_of(promoted: Path) -> Path:
    return promoted.with_name(f"{promoted.stem}.previous.onnx")


def rewrite(network: Path, **changes: Any) -> None:
    path = manifest_path(network)
    path.write_bytes(msgspec.json.encode(msgspec.json.decode(path.read_bytes()) | changes))


def refused(base: Path, **changes: Any) -> tuple[RefusedArtefact, ...]:
    with pytest.raises(ModelUnavailable) as caught:
        registry(base, **changes).load()
    return caught.value.refusals


def refusal(base: Path, **changes: Any) -> RefusedArtefact:
    (only,) = refused(base, **changes)
    return only


def test_registry_native_network_is_served_with_its_facts(shipped: Path, tmp_path: Path) -> None:
    write_native(shipped)
    model = registry(tmp_path).load()
    assert model.path == shipped
    assert model.digest == file_digest(shipped)
    assert (model.version, model.base_version, model.role) == ("v1.0.0", "v1.0.0", Role.BASELINE)
    assert (model.contract, model.horizon_ms) == (Contract.NATIVE, 10_000)
    assert model.manifest is not None
    assert not model.warnings
    assert not model.refused


def test_registry_from_config_reads_every_key_it_needs(shipped: Path, tmp_path: Path) -> None:
    write_native(shipped, horizon_seconds=30)
    config = ServiceConfig(
        prediction=PredictionConfig(target_horizon_seconds=30),
        model=ModelConfig(path=f"/app/models/{NAME}", input_features=18),
    )
    model = Registry.from_config(config, tmp_path, tmp_path / "var").load()
    assert model.path == shipped
    assert model.horizon_ms == 30_000
    assert any("18" in warning and "20" in warning for warning in model.warnings)


def test_registry_specification_layout_is_served(shipped: Path, tmp_path: Path) -> None:
    write_network(shipped, linear(1))
    joblib.dump(StandardScaler().fit(market_rows(50)), shipped.with_name("scaler.pkl"))
    model = registry(tmp_path).load()
    assert model.contract is Contract.SPECIFICATION
    assert (model.version, model.role) == ("btc_predictor_v1", Role.CHAMPION)
    assert model.scaler is not None


def test_registry_missing_network_is_named(shipped: Path, tmp_path: Path) -> None:
    only = refusal(tmp_path)
    assert (only.code, only.path) == (Refusal.MISSING, shipped)


def test_registry_unreadable_network_is_refused(shipped: Path, tmp_path: Path) -> None:
    shipped.mkdir(parents=True)
    assert refusal(tmp_path).code is Refusal.REFUSED


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_registry_truncated_network_is_refused(shipped: Path, tmp_path: Path, length: int) -> None:
    write_native(shipped)
    shipped.write_bytes(shipped.read_bytes()[:length])
    write_manifest(manifest(), shipped)
    assert refusal(tmp_path).code is Refusal.REFUSED


def test_registry_changed_network_is_refused(shipped: Path, tmp_path: Path) -> None:
    write_native(shipped)
    write_network(shipped, linear(6), rows=1)
    only = refusal(tmp_path)
    assert only.code is Refusal.DIGEST
    assert file_digest(shipped) in only.message


def test_registry_changed_file_beside_is_refused(shipped: Path, tmp_path: Path) -> None:
    write_native(shipped)
    card = shipped.with_name("card.json")
    card.write_text("{}")
    write_manifest(manifest(files={"card.json": "0" * 64}), shipped)
    assert registry(tmp_path).load().path == shipped
    card.write_text("{ }")
    assert refusal(tmp_path).code is Refusal.DIGEST
    card.unlink()
    assert refusal(tmp_path).code is Refusal.MISSING


def test_registry_manifest_of_another_file_is_refused(shipped: Path, tmp_path: Path) -> None:
    write_native(shipped)
    rewrite(shipped, files={"other.onnx": "0" * 64})
    only = refusal(tmp_path)
    assert only.code is Refusal.MANIFEST
    assert "other.onnx" in only.message


def test_registry_width_other_than_manifest_names_both(shipped: Path, tmp_path: Path) -> None:
    write_network(shipped, linear(6, width=18))
    write_manifest(manifest(), shipped)
    only = refusal(tmp_path)
    assert only.code is Refusal.WIDTH
    assert "18" in only.message
    assert "20" in only.message


@pytest.mark.parametrize("with_manifest", [False, True])
def test_registry_width_other_than_feed_names_both(
    shipped: Path, tmp_path: Path, with_manifest: bool
) -> None:
    write_network(shipped, linear(6 if with_manifest else 1, width=18))
    if with_manifest:
        write_manifest(manifest(input_shape=("batch", 18)), shipped)
    only = refusal(tmp_path)
    assert only.code is Refusal.WIDTH
    assert "18" in only.message
    assert "20" in only.message


def test_registry_features_in_other_order_name_the_first(shipped: Path, tmp_path: Path) -> None:
    swapped = (FEATURE_NAMES[1], FEATURE_NAMES[0], *FEATURE_NAMES[2:])
    write_native(shipped, features=swapped)
    only = refusal(tmp_path)
    assert only.code is Refusal.FEATURES
    assert "'mid_price'" in only.message


def test_registry_specification_layout_without_scaler_is_refused(
    shipped: Path, tmp_path: Path
) -> None:
    write_network(shipped, linear(1))
    only = refusal(tmp_path)
    assert (only.code, only.path) == (Refusal.SCALER_MISSING, shipped.with_name("scaler.pkl"))


def test_registry_six_columns_without_manifest_is_refused(shipped: Path, tmp_path: Path) -> None:
    write_network(shipped, linear(6))
    joblib.dump(StandardScaler().fit(market_rows(50)), shipped.with_name("scaler.pkl"))
    assert refusal(tmp_path).code is Refusal.REFUSED


def test_registry_one_column_with_manifest_is_refused(shipped: Path, tmp_path: Path) -> None:
    write_network(shipped, linear(1))
    write_manifest(manifest(), shipped)
    assert "6 a row" in refusal(tmp_path).message


@pytest.mark.parametrize("names", [("x", "forecast"), ("features", "y")])
def test_registry_tensors_with_other_names_are_refused(
    shipped: Path, tmp_path: Path, names: tuple[str, str]
) -> None:
    write_network(shipped, linear(6), input_name=names[0], output_name=names[1])
    write_manifest(manifest(), shipped)
    only = refusal(tmp_path)
    assert only.code is Refusal.REFUSED
    assert names[0] in only.message
    assert names[1] in only.message


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"surprise": 1}, "surprise"),
        ({"version": "a b"}, "version"),
        ({"role": "shadow"}, "champion or baseline"),
        ({"outputs": ["ret_bp"]}, "q05_bp"),
        ({"horizon_seconds": "ten"}, "horizon_seconds"),
        ({"input_shape": []}, "input_shape"),
        ({"files": {"../../etc/passwd": "0" * 64}}, "files"),
        ({"created_at": "2025-06-01T00:00:00"}, "UTC"),
    ],
)
def test_registry_manifest_with_bad_field_names_it(
    shipped: Path, tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    write_native(shipped)
    rewrite(shipped, **changes)
    only = refusal(tmp_path)
    assert (only.code, only.path) == (Refusal.MANIFEST, manifest_path(shipped))
    assert named in only.message


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b" " * 2_000_000])
def test_registry_manifest_that_is_none_is_refused(
    shipped: Path, tmp_path: Path, content: bytes
) -> None:
    write_native(shipped)
    manifest_path(shipped).write_bytes(content)
    assert refusal(tmp_path).code is Refusal.MANIFEST


def test_registry_other_horizon_is_fatal_and_names_both(shipped: Path, tmp_path: Path) -> None:
    write_native(shipped)
    with pytest.raises(HorizonMismatch, match=r"10 s ahead.*is 30"):
        registry(tmp_path, horizon_ms=30_000).load()
    assert issubclass(HorizonMismatch, ConfigError)


def test_registry_promoted_network_wins_over_shipped(
    shipped: Path, promoted: Path, tmp_path: Path
) -> None:
    write_native(shipped)
    write_native(promoted, version="v2")
    model = registry(tmp_path).load()
    assert (model.path, model.version, model.warnings) == (promoted, "v2", ())


def test_registry_broken_promoted_falls_back_to_previous_then_shipped(
    shipped: Path, promoted: Path, tmp_path: Path
) -> None:
    write_native(shipped, version="v1")
    write_native(promoted, version="v3")
    write_native(previous_of(promoted), version="v2")
    promoted.write_bytes(b"broken")
    model = registry(tmp_path).load()
    assert model.version == "v2"
    assert [one.path for one in model.refused] == [promoted]
    assert any(str(promoted) in warning for warning in model.warnings)
    previous_of(promoted).write_bytes(b"broken")
    model = registry(tmp_path).load()
    assert model.version == "v1"
    assert [one.code for one in model.refused] == [Refusal.DIGEST, Refusal.DIGEST]


def test_registry_demoted_network_gives_way_to_shipped(
    shipped: Path, promoted: Path, tmp_path: Path
) -> None:
    write_native(shipped, version="v1")
    write_native(previous_of(promoted), version="v0")
    assert registry(tmp_path).load().version == "v1"


def test_registry_configured_elsewhere_wins_and_falls_back(
    shipped: Path, promoted: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere" / "mine.onnx"
    write_native(shipped, version="shipped")
    write_native(promoted, version="promoted")
    write_native(elsewhere, version="mine")
    assert registry(tmp_path, str(elsewhere)).load().version == "mine"
    elsewhere.unlink()
    model = registry(tmp_path, str(elsewhere)).load()
    assert model.version == "shipped"
    assert [(one.path, one.code) for one in model.refused] == [(elsewhere, Refusal.MISSING)]


def test_registry_with_nothing_servable_lists_every_refusal(
    shipped: Path, promoted: Path, tmp_path: Path
) -> None:
    write_network(shipped, linear(1))
    write_native(promoted)
    rewrite(promoted, surprise=1)
    assert [one.code for one in refused(tmp_path)] == [Refusal.MANIFEST, Refusal.SCALER_MISSING]


def test_registry_foreign_scaler_leads_to_backup_and_runs_nothing(
    shipped: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere" / "mine.onnx"
    trap = tmp_path / "trap"

    class Foreign:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {trap}",)

    write_network(elsewhere, linear(1))
    joblib.dump(Foreign(), elsewhere.with_name("scaler.pkl"))
    write_native(shipped)
    model = registry(tmp_path, str(elsewhere)).load()
    assert model.path == shipped
    assert model.refused[0].code is Refusal.REFUSED
    assert ".system" in model.refused[0].message
    assert not trap.exists()


def test_registry_of_a_refused_network_writes_nothing_to_the_terminal(tmp_path: Path) -> None:
    shipped = tmp_path / "models" / NAME
    write_native(shipped)
    shipped.write_bytes(shipped.read_bytes()[:200])
    write_manifest(manifest(), shipped)
    script = f"""
from pathlib import Path
from inference.artefacts.errors import ModelUnavailable
from inference.artefacts.registry import Registry
base = Path({str(tmp_path)!r})
try:
    Registry(configured="models/{NAME}", base_dir=base, var_dir=base / "var").load()
except ModelUnavailable as error:
    print(error.refusals[0].code)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("artefact_refused", "")
