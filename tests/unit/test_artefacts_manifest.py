"""The manifest: written by training, read back the same, refused where it would mislead."""

from pathlib import Path

import numpy as np
import pytest

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.manifest import (
    manifest_path,
    read_manifest,
    write_manifest,
)
from inference.artefacts.manifest_files import file_digest
from tests.unit.artefact_files import NAME, linear, manifest, write_native, write_network


def test_manifest_written_is_read_back_with_digests(shipped: Path) -> None:
    write_network(shipped, linear(6))
    path = write_manifest(manifest(metrics={"r2": float("nan"), "rows": np.int64(3)}), shipped)
    read = read_manifest(shipped)
    assert path == shipped.with_name("btc_predictor_v1.manifest.json")
    assert read is not None
    assert read.files == {NAME: file_digest(shipped)}
    assert read.metrics == {"r2": None, "rows": 3}
    assert not list(shipped.parent.glob("*.tmp"))


def test_manifest_rewritten_for_a_moved_network_names_it(shipped: Path, promoted: Path) -> None:
    write_native(shipped)
    old = read_manifest(shipped)
    assert old is not None
    moved = promoted.with_name("btc_predictor_v1.previous.onnx")
    moved.parent.mkdir(parents=True)
    moved.write_bytes(shipped.read_bytes())
    write_manifest(old, moved)
    read = read_manifest(moved)
    assert read is not None
    assert list(read.files) == [moved.name]


def test_manifest_that_would_be_refused_is_not_written(shipped: Path) -> None:
    write_network(shipped, linear(6))
    with pytest.raises(ValueError, match="version"):
        write_manifest(manifest(version="a b"), shipped)
    assert not manifest_path(shipped).exists()


def test_manifest_absent_is_none(shipped: Path) -> None:
    assert read_manifest(shipped) is None


def test_error_of_an_artefact_names_its_file(shipped: Path) -> None:
    error = ArtefactError(Refusal.REFUSED, shipped, "is odd")
    assert str(error).startswith(str(shipped))
