"""Small real networks, manifests and scalers for the artefact and engine tests."""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inference.artefacts.errors import ModelUnavailable, RefusedArtefact
from inference.artefacts.manifest import Manifest, Training, manifest_path, write_manifest
from inference.artefacts.registry import Registry
from inference.vocabulary import Role
from market.hot.vector import FEATURE_COUNT

Floats = npt.NDArray[np.float64]
NAME = "btc_predictor_v1.onnx"


@dataclass(frozen=True)
class Linear:
    """x @ weights + bias with void features at `mean`; what the test networks compute."""

    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    mean: npt.NDArray[np.float32]

    def __call__(self, rows: npt.NDArray[Any]) -> Floats:
        rows = rows.astype(np.float32).astype(np.float64)
        filled = np.where(np.isnan(rows), self.mean.astype(np.float64), rows)
        return np.asarray(filled @ self.weights.astype(np.float64) + self.bias)


def linear(columns: int, width: int = FEATURE_COUNT) -> Linear:
    rng = np.random.default_rng(20)
    return Linear(
        weights=rng.normal(0, 0.01, (width, columns)).astype(np.float32),
        bias=rng.normal(0, 1, columns).astype(np.float32),
        mean=rng.normal(0, 1, width).astype(np.float32),
    )


def write_network(
    path: Path,
    weights: Linear,
    *,
    rows: int | str = "batch",
    input_name: str = "features",
    output_name: str = "forecast",
    flat: bool = False,
) -> Path:
    """Write a linear network; `flat` drops the column dimension of its output."""
    width, columns = weights.weights.shape
    nodes = [
        helper.make_node("IsNaN", [input_name], ["void"]),
        helper.make_node("Where", ["void", "mean", input_name], ["filled"]),
        helper.make_node("MatMul", ["filled", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum" if flat else output_name]),
    ]
    if flat:
        nodes.append(helper.make_node("Squeeze", ["sum", "axis"], [output_name]))
    constants = [
        numpy_helper.from_array(array, name)
        for name, array in (
            ("mean", weights.mean),
            ("weights", weights.weights),
            ("bias", weights.bias),
            ("axis", np.array([1])),
        )
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, [rows, width])],
        [
            helper.make_tensor_value_info(
                output_name, TensorProto.FLOAT, [rows] if flat else [rows, columns]
            )
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path


def manifest(**changes: Any) -> Manifest:
    moment = datetime.datetime(2025, 6, 1, tzinfo=datetime.UTC)
    fields: dict[str, Any] = {
        "version": "v1.0.0",
        "role": Role.BASELINE,
        "architecture": "linear",
        "label": "1e4*ln(mid at +10 s / mid)",
        "horizon_seconds": 10,
        "training": Training(
            span=(moment, moment), recordings=("made up",), rows=0, data_digest="none"
        ),
        "metrics": {"r2": {"this": None, "zero": 0.0}},
        "calibration": {},
        "conclusion": "Made for a test; it knows nothing of any market.",
        "files": {},
        "created_at": moment,
    }
    return Manifest(**{**fields, **changes})


def write_native(
    path: Path, *, weights: Linear | None = None, rows: int | str = "batch", **changes: Any
) -> Linear:
    """Write a network in our own contract with its manifest; return what it computes."""
    weights = weights or linear(6)
    write_network(path, weights, rows=rows)
    write_manifest(manifest(**changes), path)
    return weights


def registry(base: Path, configured: str = f"models/{NAME}", **changes: Any) -> Registry:
    return Registry(configured=configured, base_dir=base, var_dir=base / "var", **changes)


def market_rows(count: int, seed: int = 7) -> Floats:
    """Features of a plausible market, [count, 20]."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 1, (count, FEATURE_COUNT))
    rows[:, 1] = 100_000 + rng.normal(0, 50, count)
    rows[:, 0] = rows[:, 1] + rng.normal(0, 1, count)
    rows[:, 9] = 0.1
    rows[:, 18] = np.abs(rows[:, 18]) + 0.1
    return rows


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
