"""Networks as users bring them: one that keeps the contract, and what can be built upon it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from market.hot.vector import FEATURE_COUNT, INDEX

Nodes = Sequence[onnx.NodeProto]
Constants = Mapping[str, npt.NDArray[Any]]


def node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), [output], **attributes)


FOREIGN = (node("Evil", ["own"], "evil", domain="their.own"),)
"""An operator that nobody knows; it says `evil`."""


def forecaster(
    path: Path,
    extra: Nodes = (),
    said: str = "own",
    width: int = FEATURE_COUNT,
    constants: Constants | None = None,
    answers: int = TensorProto.FLOAT,
) -> Path:
    """Write a network of 0.2 bp times the book's imbalance; extra nodes turn own into said."""
    weights = np.zeros((width, 6), np.float32)
    weights[INDEX["ob_imbalance"], 0] = 0.2
    known: Constants = {
        "weights": weights,
        "bias": np.array([0, -5, 5, 0.4, 0.2, 0.4], np.float32),
        "zero": np.zeros(1, np.float32),
        "axis": np.array([0]),
        "from": np.array([1]),
        "to": np.array([2**31]),
        "mid": np.array([INDEX["mid_price"]]),
    }
    known = {**known, **(constants or {})}
    nodes = [
        node("IsNaN", ["features"], "void"),
        node("Where", ["void", "zero", "features"], "filled"),
        node("MatMul", ["filled", "weights"], "product"),
        node("Add", ["product", "bias"], "own"),
        *extra,
        node("Identity", [said], "forecast"),
    ]
    graph = helper.make_graph(
        nodes,
        "own",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", width])],
        [helper.make_tensor_value_info("forecast", answers, None)],
        [
            numpy_helper.from_array(value, key)
            for key, value in {**known, **(constants or {})}.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def endless(path: Path, body: Nodes | None) -> Path:
    """Write one whose loop never ends. body: turns `v` into `next`; None: it has no node at all."""
    nodes = [] if body is None else [node("Identity", ["on"], "still"), *body]
    names = ("on", "v") if body is None else ("still", "next")
    graph = helper.make_graph(
        nodes,
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info(names[0], TensorProto.BOOL, []),
            helper.make_tensor_value_info(names[1], TensorProto.FLOAT, None),
        ],
    )
    loop = node("Loop", ["", "true", "own"], "round", body=graph)
    return forecaster(path, [loop], "round", constants={"true": np.array(True)})


def large(path: Path, side: int, of: str = "own") -> Path:
    """Write one that fills a square of so many float32 a side, by one node."""
    extra = [
        node("ReduceSum", [of], "sum", keepdims=0),
        node("Expand", ["sum", "sides"], "square"),
        node("ReduceSum", ["square"], "total", keepdims=0),
        node("Add", ["own", "total"], "much"),
    ]
    return forecaster(path, extra, "much", constants={"sides": np.array([side, side])})


def with_weights_elsewhere(path: Path, place: str) -> Path:
    """Write one whose weights are in another file."""
    model = onnx.load(str(forecaster(path)))
    (weights,) = (each for each in model.graph.initializer if each.name == "weights")
    size = str(len(weights.raw_data))
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", place), ("offset", "0"), ("length", size)):
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    path.write_bytes(model.SerializeToString())
    return path
