"""Manifest and registry: which network is served, and what comes next."""

import os
from pathlib import Path
from typing import Any

import joblib
from sklearn.preprocessing import StandardScaler

from inference.artefacts.errors import (
    Refusal,
)
from inference.artefacts.manifest_files import file_digest
from inference.artefacts.registry import Contract, Registry
from inference.config import ModelConfig, PredictionConfig, ServiceConfig
from inference.vocabulary import Role
from tests.unit.artefact_files import (
    NAME,
    linear,
    market_rows,
    registry,
    write_native,
    write_network,
)


def previous_of(promoted: Path) -> Path:
    return promoted.with_name(f"{promoted.stem}.previous.onnx")


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
