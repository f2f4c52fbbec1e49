"""Networks that the registry refuses, each with its reason."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import pytest
from sklearn.preprocessing import StandardScaler

from inference.artefacts.errors import (
    HorizonMismatch,
    Refusal,
)
from inference.artefacts.manifest import (
    manifest_path,
    write_manifest,
)
from inference.artefacts.manifest_files import file_digest
from inference.config import ConfigError
from market.hot.vector import FEATURE_NAMES
from tests.unit.artefact_files import (
    NAME,
    linear,
    manifest,
    market_rows,
    refusal,
    refused,
    registry,
    rewrite,
    write_native,
    write_network,
)


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


def test_registry_with_nothing_servable_lists_every_refusal(
    shipped: Path, promoted: Path, tmp_path: Path
) -> None:
    write_network(shipped, linear(1))
    write_native(promoted)
    rewrite(promoted, surprise=1)
    assert [one.code for one in refused(tmp_path)] == [Refusal.MANIFEST, Refusal.SCALER_MISSING]


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
