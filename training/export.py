"""A Forecaster as an ONNX file that serves raw features, checked against the original.

The file carries the graph alone: no source paths, no stack traces.
"""

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from inference.artefacts.manifest import INPUT_NAME, OUTPUT_NAME
from market.hot.vector import FEATURE_COUNT, FEATURE_NAMES, REQUIRED_FEATURES
from training.networks import Floats, Forecaster, forecast

TOLERANCE = 5e-6
"""Greatest difference between the two, relative to the size of a row's numbers."""
CHATTY = ("torch.onnx", "onnxscript", "onnx_ir")
"""Loggers that tell every rewriting of the graph."""
CHECKED_SIZES = (1, 2, 7, 64, 500)


class ExportMismatchError(Exception):
    """The ONNX file answers otherwise than the network it came from: nothing is shipped."""


def export_graph(graph: Forecaster, path: Path) -> None:
    """Write `graph` to `path`: float32 [N, 20] `features` → float32 [N, 6] `forecast`."""
    example = torch.zeros(2, FEATURE_COUNT)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch warns itself of its own future
        program = torch.onnx.export(
            graph.eval(),
            (example,),
            dynamo=True,
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=1_000_000)},),
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise ExportMismatchError("torch exported nothing")
    model = program.model_proto
    _strip(model)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def check_export(graph: Forecaster, path: Path, features: Floats) -> float:
    """Compare the file with the network on real rows and on rows with voids.

    features: [n, 20] raw. Returns the greatest relative difference found.
    Raises ExportMismatchError above TOLERANCE, or where a void feature makes a void answer.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )
    worst = 0.0
    for size in CHECKED_SIZES:
        for rows in (sample(features, size), with_voids(sample(features, size))):
            served = session.run([OUTPUT_NAME], {INPUT_NAME: rows.astype(np.float32)})[0]
            expected = forecast(graph, rows)
            if served.shape != expected.shape or not np.isfinite(served).all():
                raise ExportMismatchError(f"{size} rows: shape {served.shape}, or not finite")
            scale = np.abs(expected).max(axis=1, keepdims=True)
            worst = max(worst, float((np.abs(served - expected) / scale).max()))
    if worst > TOLERANCE:
        raise ExportMismatchError(f"differs from the network by {worst:.2e} (> {TOLERANCE:.0e})")
    return worst


def sample(features: Floats, size: int) -> Floats:
    """Return `size` rows spread over the features, repeated where there are fewer."""
    rows: Floats = features[np.linspace(0, len(features) - 1, size).astype(np.int64)]
    return rows


def with_voids(features: Floats) -> Floats:
    """Return a copy in which, row by row, one and then all optional features are void."""
    optional = [i for i, name in enumerate(FEATURE_NAMES) if name not in REQUIRED_FEATURES]
    voided = features.copy()
    for row in range(len(voided)):
        choice = row % (len(optional) + 1)
        voided[row, optional if choice == 0 else optional[choice - 1]] = np.nan
    return voided


def _strip(model: onnx.ModelProto) -> None:
    model.doc_string = ""
    del model.metadata_props[:]
    graph = model.graph
    for part in (graph, *graph.node, *graph.initializer, *graph.value_info):
        part.doc_string = ""
        del part.metadata_props[:]
    for part in (*graph.input, *graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
