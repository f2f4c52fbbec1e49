"""The CNN-LSTM and its way from torch into ONNX; the only module that imports torch.

    python -m inference.artefacts.torch_import FOLDER OUT [FOLDER OUT …]

turns `cnn_lstm_best.pt` + `scaler.pkl` of each FOLDER into the network OUT and answers with one
line of JSON a folder. The signal registry runs it as a child process, so that nothing that
serves holds torch; training imports `CnnLstm` and `export_onnx`.
"""

import io
import json
import logging
import os
import pickle
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.scaler import read_scaler
from inference.artefacts.signal_manifest import (
    OUTPUT_NAME,
    SCALER_NAME,
    SYMBOL_INPUT,
    TORCH_NAME,
    WINDOW_INPUT,
)
from inference.vocabulary import DIRECTIONS
from market.candles.indicators import INDICATOR_COUNT, INDICATOR_NAMES, WINDOW

MAX_TORCH_BYTES = 67_108_864
CLASSES = len(DIRECTIONS)
STRIDE = 2
LARGEST = 8.0
"""Scaled inputs are held within ±LARGEST σ: one mad candle must not decide alone."""

EXPECTED_TENSORS = (
    "convolutions.<k>.weight [channels, in, kernel] and .bias for k = 0, 1, … (k = 0 takes "
    f"{INDICATOR_COUNT}), lstm.weight_ih_l<n>, lstm.weight_hh_l<n>, lstm.bias_ih_l<n>, "
    f"lstm.bias_hh_l<n>, head.weight [{CLASSES}, hidden], head.bias; optional are "
    f"linear.weight [{CLASSES}, {INDICATOR_COUNT}], symbols.weight [symbols, embedding] and "
    "temperature []"
)
"""What a state dict must hold, for refusals and the documentation."""

_CONVOLUTION = re.compile(r"^convolutions\.(\d+)\.weight$")
_LAYER = re.compile(r"^lstm\.weight_ih_l(\d+)$")
_OPSET = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The hyperparameters of a CnnLstm, all of which its tensors' shapes tell.

    symbols, embedding: 0 for a network of one coin. linear: the path from the newest candle
    straight to the classes, which contains the multinomial logistic baseline.
    """

    channels: tuple[int, ...] = (32, 32)
    kernel: int = 5
    hidden: int = 32
    layers: int = 1
    symbols: int = 0
    embedding: int = 0
    linear: bool = True

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> "Shape":
        """Read the shape off a state dict. Raises KeyError, IndexError where tensors lack."""
        convolutions = sorted(int(m[1]) for m in map(_CONVOLUTION.match, state) if m)
        weights = [state[f"convolutions.{k}.weight"] for k in range(len(convolutions))]
        embedding = state.get("symbols.weight")
        return cls(
            channels=tuple(weight.shape[0] for weight in weights),
            kernel=weights[0].shape[2],
            hidden=state["lstm.weight_hh_l0"].shape[1],
            layers=sum(1 for name in state if _LAYER.match(name)),
            symbols=0 if embedding is None else embedding.shape[0],
            embedding=0 if embedding is None else embedding.shape[1],
            linear="linear.weight" in state,
        )


class CnnLstm(nn.Module):
    """Strided convolutions over 60 candles, an LSTM over what they leave, a linear head.

    The symbol's embedding enters each step of the LSTM. `temperature` is a buffer, 1 until
    calibration sets it; it belongs to the state dict and to the exported graph.
    """

    temperature: Tensor

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        inputs = (INDICATOR_COUNT, *shape.channels)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(taken, given, shape.kernel, STRIDE, shape.kernel // 2)
            for taken, given in zip(inputs, shape.channels, strict=False)
        )
        self.symbols = nn.Embedding(shape.symbols, shape.embedding) if shape.symbols else None
        self.lstm = nn.LSTM(
            inputs[-1] + shape.embedding, shape.hidden, shape.layers, batch_first=True
        )
        self.head = nn.Linear(shape.hidden, CLASSES)
        self.linear = nn.Linear(INDICATOR_COUNT, CLASSES, bias=False) if shape.linear else None
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, window: Tensor, symbol: Tensor) -> Tensor:
        """Return logits [N, 3] before the temperature.

        window: scaled indicators, float32 [N, 60, 14]; symbol: int64 [N], unused by a network
        of one coin.
        """
        window = window.clamp(-LARGEST, LARGEST)
        steps = window.transpose(1, 2)  # [N, 14, 60]
        for convolution in self.convolutions:
            steps = self.dropout(torch.relu(convolution(steps)))
        steps = steps.transpose(1, 2)  # [N, steps, channels]
        if self.symbols is not None:
            embedded = self.symbols(symbol)[:, None, :].expand(-1, steps.shape[1], -1)
            steps = torch.cat((steps, embedded), dim=2)
        _, (hidden, _) = self.lstm(steps)
        logits: Tensor = self.head(self.dropout(hidden[-1]))
        if self.linear is not None:
            logits = logits + self.linear(window[:, -1])
        return logits


class Served(nn.Module):
    """What is exported: raw indicators in, calibrated probabilities out."""

    mean: Tensor
    scale: Tensor

    def __init__(self, network: CnnLstm, mean: npt.ArrayLike, scale: npt.ArrayLike) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(np.asarray(mean, np.float32)))
        self.register_buffer("scale", torch.tensor(np.asarray(scale, np.float32)))

    def forward(self, window: Tensor, symbol: Tensor) -> Tensor:
        logits = self.network((window - self.mean) / self.scale, symbol)
        return torch.softmax(logits / self.network.temperature, dim=1)


def load_network(path: Path) -> CnnLstm:
    """Read a state dict of a CnnLstm, ready for inference; nothing of the file is executed.

    Raises ArtefactError: artefact_missing; width_mismatch; artefact_refused where it is a
    pickled module, damaged, or holds other tensors than `EXPECTED_TENSORS`.
    """
    state = _read_state(path)
    try:
        shape = Shape.of(state)
        _check_widths(state, path)
        network = CnnLstm(shape)
        state.setdefault("temperature", torch.ones(()))
        network.load_state_dict(state)
    except (KeyError, IndexError, RuntimeError, ValueError) as error:
        detail = str(error).replace("\n", " ")
        message = f"is not a CNN-LSTM's state dict ({detail}); it must hold {EXPECTED_TENSORS}"
        raise ArtefactError(Refusal.REFUSED, path, message) from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values()):
        raise ArtefactError(Refusal.REFUSED, path, "holds a weight that is not finite")
    if not float(network.temperature) > 0:
        raise ArtefactError(Refusal.REFUSED, path, "temperature must be above 0")
    return network.eval()


def export_onnx(network: CnnLstm, mean: npt.ArrayLike, scale: npt.ArrayLike, path: Path) -> None:
    """Write `network` as ONNX with scaling and its temperature in the graph, in one step.

    mean, scale: [14] of the raw indicators. Inputs `window` float32 [N, 60, 14] and `symbol`
    int64 [N], output `probabilities` float32 [N, 3], any N.
    """
    served = Served(network, mean, scale).eval()
    batch = torch.export.Dim("batch", min=1)
    example = (torch.zeros(2, WINDOW, INDICATOR_COUNT), torch.zeros(2, dtype=torch.int64))
    logging.getLogger("torch.onnx._internal.exporter").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program: Any = torch.onnx.export(
            served,
            example,
            dynamo=True,
            dynamic_shapes={"window": {0: batch}, "symbol": {0: batch}},
            input_names=[WINDOW_INPUT, SYMBOL_INPUT],
            output_names=[OUTPUT_NAME],
            opset_version=_OPSET,
            verbose=False,
        )
    model = program.model_proto
    _strip(model)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    draft.write_bytes(model.SerializeToString(deterministic=True))
    os.replace(draft, path)


def convert(folder: Path, out: Path) -> None:
    """Turn the specification's layout in `folder` into the network `out`.

    Raises ArtefactError naming the file that is missing or refused.
    """
    network = load_network(folder / TORCH_NAME)
    if network.symbols is not None:
        message = (
            f"has an embedding of {network.shape.symbols} symbols; which is whose can only be "
            "said by a manifest"
        )
        raise ArtefactError(Refusal.REFUSED, folder / TORCH_NAME, message)
    scaler = read_scaler(folder / SCALER_NAME, INDICATOR_NAMES)
    if scaler.multiply is not None or scaler.add is not None:
        message = f"is a {scaler.kind}; signal networks take a StandardScaler"
        raise ArtefactError(Refusal.REFUSED, folder / SCALER_NAME, message)
    mean = np.zeros(INDICATOR_COUNT) if scaler.subtract is None else scaler.subtract
    scale = np.ones(INDICATOR_COUNT) if scaler.divide is None else scaler.divide
    export_onnx(network, mean, scale, out)


def main(arguments: Sequence[str]) -> int:
    if not arguments or len(arguments) % 2:
        sys.stderr.write("usage: python -m inference.artefacts.torch_import FOLDER OUT …\n")
        return 2
    torch.set_num_threads(1)
    for folder, out in zip(arguments[::2], arguments[1::2], strict=True):
        answer: dict[str, str | None] = {"folder": folder, "code": None}
        try:
            convert(Path(folder), Path(out))
        except ArtefactError as error:
            answer |= {"code": error.code, "path": str(error.path), "message": error.message}
        print(json.dumps(answer), flush=True)
    return 0


def _read_state(path: Path) -> dict[str, Tensor]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_TORCH_BYTES + 1)
    except FileNotFoundError as error:
        raise ArtefactError(Refusal.MISSING, path, "there is no such file") from error
    except OSError as error:
        raise ArtefactError(Refusal.REFUSED, path, f"cannot be read: {error.strerror}") from error
    if len(content) > MAX_TORCH_BYTES:
        raise ArtefactError(Refusal.REFUSED, path, f"is larger than {MAX_TORCH_BYTES} bytes")
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        message = "holds more than weights; save network.state_dict(), not the network"
        raise ArtefactError(Refusal.REFUSED, path, message) from error
    except Exception as error:  # a damaged archive makes torch raise anything
        message = f"is not a file of weights ({type(error).__name__})"
        raise ArtefactError(Refusal.REFUSED, path, message) from error
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        message = f"is not a state dict of named tensors; it must hold {EXPECTED_TENSORS}"
        raise ArtefactError(Refusal.REFUSED, path, message)
    return dict(state)


def _check_widths(state: Mapping[str, Tensor], path: Path) -> None:
    width = state["convolutions.0.weight"].shape[1]
    if width != INDICATOR_COUNT:
        message = f"takes {width} indicators a candle; there are {INDICATOR_COUNT}"
        raise ArtefactError(Refusal.WIDTH, path, message)
    classes = state["head.weight"].shape[0]
    if classes != CLASSES:
        message = f"answers with {classes} classes; there are {CLASSES}"
        raise ArtefactError(Refusal.WIDTH, path, message)


def _strip(model: Any) -> None:
    # The exporter notes source lines and paths of the machine it ran on at each node.
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    for function in model.functions:
        for part in (function, *function.node):
            del part.metadata_props[:]
            part.doc_string = ""
    for tensor in (*graph.input, *graph.output):
        del tensor.metadata_props[:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
