"""Baselines as ONNX graphs in the signal networks' own contract, so that any may be served.

`window` float32 [N, 60, 14] and `symbol` int64 [N] → `probabilities` float32 [N, 3], calibrated.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, compose, helper, numpy_helper
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from inference.artefacts.signal_manifest import OUTPUT_NAME, SYMBOL_INPUT, WINDOW_INPUT
from market.candles.indicators import INDICATOR_COUNT, WINDOW
from training.signals.baselines import CLIP, LinearModel, TreesModel
from training.signals.picking import LAGS, LEAST_ATR_RATIO, Column, window_place

OPSET = 18
TREES_OPSET = 1
FLOOR = 1e-9
"""A probability of 0 has no logarithm to divide by a temperature."""
_PICKED, _SHARES = "picked", "shares"

Nodes = list[onnx.NodeProto]
Constants = list[onnx.TensorProto]


def write_baseline(model: LinearModel | TreesModel, temperature: float, path: Path) -> None:
    """Write a baseline as the graph that is served."""
    graph = _linear(model) if isinstance(model, LinearModel) else _trees(model)
    tempered = compose.merge_models(graph, _tempering(temperature), io_map=[(_SHARES, _SHARES)])
    tempered.ir_version = graph.ir_version
    for holder in (tempered, tempered.graph):
        holder.doc_string = ""
    tempered.producer_name = "cryptosite"
    onnx.checker.check_model(tempered, full_check=True)
    path.write_bytes(tempered.SerializeToString(deterministic=True))


def _linear(model: LinearModel) -> onnx.ModelProto:
    nodes, constants = _columns(model.columns)
    single = np.float32
    constants += [
        _constant("mean", model.mean.astype(single)),
        _constant("gain", model.gain.astype(single)),
        _constant("low", np.array(-CLIP, single)),
        _constant("high", np.array(CLIP, single)),
        _constant("weights", model.weights.astype(single)),
        _constant("bias", model.bias.astype(single)),
    ]
    nodes += [
        helper.make_node("Sub", [_PICKED, "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "gain"], ["scaled"]),
        helper.make_node("Clip", ["scaled", "low", "high"], ["clipped"]),
        helper.make_node("Gemm", ["clipped", "weights", "bias"], ["scores"]),
        helper.make_node("Softmax", ["scores"], [_SHARES], axis=1),
    ]
    return _model(nodes, constants, _inputs(), [_floats(_SHARES, 3)])


def _columns(columns: tuple[Column, ...]) -> tuple[Nodes, Constants]:
    # All columns and their logarithms are picked; a 0/1 choice tells which is meant.
    places = np.array([window_place(one.lag) * INDICATOR_COUNT + one.indicator for one in columns])
    constants = [
        _constant("flat_shape", np.array([-1, WINDOW * INDICATOR_COUNT], np.int64)),
        _constant("places", places.astype(np.int64)),
        _constant("least", np.array(LEAST_ATR_RATIO, np.float32)),
        _constant("is_log", np.array([[one.log for one in columns]], np.bool_)),
    ]
    nodes = [
        helper.make_node("Reshape", [WINDOW_INPUT, "flat_shape"], ["flat"]),
        helper.make_node("Gather", ["flat", "places"], ["plain"], axis=1),
        helper.make_node("Max", ["plain", "least"], ["positive"]),
        helper.make_node("Log", ["positive"], ["logs"]),
        helper.make_node("Where", ["is_log", "logs", "plain"], [_PICKED]),
    ]
    return nodes, constants


def _trees(model: TreesModel) -> onnx.ModelProto:
    width = len(LAGS) * INDICATOR_COUNT
    lags = np.array([window_place(lag) for lag in LAGS], np.int64)
    constants = [
        _constant("lags", lags),
        _constant("flat_shape", np.array([-1, width], np.int64)),
        _constant("last_axis", np.array([1], np.int64)),
    ]
    nodes = [
        helper.make_node("Gather", [WINDOW_INPUT, "lags"], ["lagged"], axis=1),
        helper.make_node("Reshape", ["lagged", "flat_shape"], ["flat"]),
        helper.make_node("Cast", [SYMBOL_INPUT], ["coin"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["coin", "last_axis"], ["coins"]),
        helper.make_node("Concat", ["flat", "coins"], [_PICKED], axis=1),
    ]
    converted = convert_lightgbm(
        model.booster, initial_types=[(_PICKED, FloatTensorType([None, width + 1]))], zipmap=False
    )
    # Of what the converter wraps around it only the ensemble itself is wanted.
    (ensemble,) = (
        node for node in converted.graph.node if node.op_type == "TreeEnsembleClassifier"
    )
    ensemble.input[:], ensemble.output[:] = [_PICKED], ["likeliest", _SHARES]
    nodes.append(ensemble)
    return _model(nodes, constants, _inputs(), [_floats(_SHARES, 3)])


def _tempering(temperature: float) -> onnx.ModelProto:
    constants = [
        _constant("floor", np.array(FLOOR, np.float32)),
        _constant("temperature", np.array(temperature, np.float32)),
    ]
    nodes = [
        helper.make_node("Max", [_SHARES, "floor"], ["floored"]),
        helper.make_node("Log", ["floored"], ["log_shares"]),
        helper.make_node("Div", ["log_shares", "temperature"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [OUTPUT_NAME], axis=1),
    ]
    return _model(nodes, constants, [_floats(_SHARES, 3)], [_floats(OUTPUT_NAME, 3)])


def _model(
    nodes: Nodes,
    constants: Constants,
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "signals", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", TREES_OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def _inputs() -> list[onnx.ValueInfoProto]:
    shape: list[str | int | None] = ["N", WINDOW, INDICATOR_COUNT]
    return [
        helper.make_tensor_value_info(WINDOW_INPUT, TensorProto.FLOAT, shape),
        helper.make_tensor_value_info(SYMBOL_INPUT, TensorProto.INT64, ["N"]),
    ]


def _floats(name: str, width: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width])


def _constant(name: str, value: npt.NDArray[np.generic]) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value), name)
