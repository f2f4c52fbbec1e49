"""Small real signal networks, their folders, and candles to run them on."""

import datetime
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from inference.artefacts.manifest import Training
from inference.artefacts.manifest_files import file_digest
from inference.artefacts.signal_manifest import (
    MANIFEST_NAME,
    NETWORK_NAME,
    OUTPUT_NAME,
    SYMBOL_INPUT,
    WINDOW_INPUT,
    Hazard,
    SignalManifest,
    TouchTimes,
)
from inference.artefacts.torch_conversion import TorchConverter
from inference.vocabulary import Role
from market.candles.indicators import CANDLES_NEEDED, INDICATOR_COUNT, WINDOW
from market.candles.series import CandleSeries
from market.candles.timeframes import Timeframe

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SHIBUSDT")
NOW_MS = 1_725_580_800_000
"""2024-09-06 00:00 UTC: a close of every timeframe."""

ETA = TouchTimes(
    tercile_edges=(0.001, 0.1),
    long=(
        Hazard(median=300, low=200, high=400, n=5),
        Hazard(median=45.4, low=15, high=150, n=9),
        Hazard(median=0.2, low=0.1, high=0.4, n=5),
    ),
    short=(
        Hazard(median=301, low=201, high=401, n=5),
        Hazard(median=46, low=16, high=151, n=9),
        Hazard(median=1, low=1, high=2, n=5),
    ),
)


class NoTorch(TorchConverter):
    """A converter on a machine without torch."""

    def __init__(self, cache_dir: Path) -> None:
        super().__init__(cache_dir, has=lambda name: name != "torch")


def write_onnx(
    path: Path,
    *,
    seed: int = 1,
    symbols: int | None = len(SYMBOLS),
    width: int = INDICATOR_COUNT,
    outputs: int = 3,
    output_name: str = OUTPUT_NAME,
    batch: int | str = "batch",
    biases: npt.NDArray[np.float32] | None = None,
) -> bytes:
    """Write softmax(newest candle @ weights + bias of the symbol); return its bytes.

    symbols: None leaves the symbol input out. biases: [symbols, outputs] in place of random
    ones, with weights of 0: the network then says the same of each window.
    """
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, 0.01, (width, outputs)).astype(np.float32)
    if biases is None:
        biases = rng.normal(0, 0.3, (symbols or 1, outputs)).astype(np.float32)
    else:
        weights[:] = 0
    nodes = [
        helper.make_node("Gather", [WINDOW_INPUT, "last"], ["newest"], axis=1),
        helper.make_node("MatMul", ["newest", "weights"], ["product"]),
        helper.make_node("Gather", ["biases", SYMBOL_INPUT if symbols else "zero"], ["bias"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [output_name], axis=1),
    ]
    constants = {"last": np.array(-1), "zero": np.array(0), "weights": weights, "biases": biases}
    inputs = [
        helper.make_tensor_value_info(WINDOW_INPUT, TensorProto.FLOAT, [batch, WINDOW, width])
    ]
    if symbols:
        inputs.append(helper.make_tensor_value_info(SYMBOL_INPUT, TensorProto.INT64, [batch]))
    output = helper.make_tensor_value_info(output_name, TensorProto.FLOAT, [batch, outputs])
    graph = helper.make_graph(
        nodes,
        "newest",
        inputs,
        [output],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path.read_bytes()


def manifest(**changes: Any) -> SignalManifest:
    moment = datetime.datetime(2024, 6, 1, tzinfo=datetime.UTC)
    fields: dict[str, Any] = {
        "version": "test-1h-1",
        "timeframe": Timeframe.H1,
        "role": Role.CHAMPION,
        "architecture": "softmax of the newest candle",
        "symbols": SYMBOLS,
        "label": "triple barrier",
        "threshold": 0.0,
        "accuracy": 0.41,
        "touch_times": ETA,
        "training": Training(span=(moment, moment), recordings=(), rows=0, data_digest="none"),
        "metrics": {},
        "calibration": {},
        "conclusion": "Made for a test; it knows nothing of any market.",
        "files": {},
        "created_at": moment,
    }
    return SignalManifest(**{**fields, **changes})


def write_manifest(folder: Path, **changes: Any) -> Path:
    """Write a folder's manifest with the true digest of its network, unless `files` is given."""
    changes.setdefault("files", {NETWORK_NAME: file_digest(folder / NETWORK_NAME)})
    path = folder / MANIFEST_NAME
    path.write_bytes(msgspec.json.encode(manifest(**changes)))
    return path


def write_folder(folder: Path, *, network: dict[str, Any] | None = None, **changes: Any) -> Path:
    write_onnx(folder / NETWORK_NAME, **(network or {}))
    write_manifest(folder, **changes)
    return folder


def write_pooled(root: Path, timeframe: Timeframe = Timeframe.H1, **changes: Any) -> Path:
    """Write `pooled/<TF>` under a models folder, and a pointer for each symbol."""
    name = f"pooled/{timeframe}"
    changes.setdefault("version", f"test-{timeframe}-1")
    folder = write_folder(root / name, timeframe=timeframe, **changes)
    for symbol in changes.get("symbols", SYMBOLS):
        own = root / symbol / timeframe
        own.mkdir(parents=True, exist_ok=True)
        (own / MANIFEST_NAME).write_text(json.dumps({"points_to": name}))
    return folder


def candles(
    timeframe: Timeframe,
    *,
    count: int = CANDLES_NEEDED,
    seed: int = 1,
    price: float = 100.0,
    closed_ms: int = NOW_MS,
) -> CandleSeries:
    """Return a random walk whose newest candle closed at closed_ms.

    The same seed gives the same newest candles, however many go before.
    """
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 0.004, (1_000, 4))[:count][::-1]
    close = price * np.exp(-np.cumsum(steps[::-1, 0])[::-1])
    opened = close * np.exp(-steps[:, 0])
    high = np.maximum(opened, close) * np.exp(np.abs(steps[:, 1]))
    low = np.minimum(opened, close) * np.exp(-np.abs(steps[:, 2]))
    volume = 1_000 * np.exp(50 * steps[:, 3])
    open_ms = closed_ms - timeframe.ms * np.arange(count, 0, -1, dtype=np.int64)
    return CandleSeries(open_ms, opened, high, low, close, volume, np.zeros(count, np.bool_))
