"""An ONNX signal network opened for serving: its tensors checked, tried, ready for any batch.

Read by the signal registry, which opens networks, and by the signal engine, which runs them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.session import ORT_ERRORS, failed_trial, first_line, open_session
from inference.artefacts.signal_manifest import OUTPUT_NAME, SYMBOL_INPUT, WINDOW_INPUT
from inference.config import ConfigError
from inference.vocabulary import DIRECTIONS
from market.candles.vector import INDICATOR_COUNT, WINDOW

Windows = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float64]

CLASSES = len(DIRECTIONS)
_PROVIDERS = {
    "cpu": ("CPUExecutionProvider",),
    "cuda": ("CUDAExecutionProvider", "CPUExecutionProvider"),
}
_SUM_TOLERANCE = 1e-3
_TYPES = {WINDOW_INPUT: "tensor(float)", SYMBOL_INPUT: "tensor(int64)"}
_RANKS = {WINDOW_INPUT: 3, SYMBOL_INPUT: 1}


class NetworkError(Exception):
    """A network failed on an input. The batch's coins get `model_error`; the next may do."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class SignalNetwork:
    """An open session. digest: SHA-256 of the ONNX file; takes_symbol: it has that input."""

    session: Any
    digest: str
    takes_symbol: bool

    def run(self, windows: Windows, symbols: Indices) -> Probabilities:
        """Return the probabilities of SHORT, NO_TRADE, LONG, [n, 3], each row summing to 1.

        windows: [n, 60, 14] raw indicators; symbols: [n].
        Raises NetworkError where the network fails or answers with no probabilities.
        """
        feed: dict[str, Any] = {WINDOW_INPUT: windows}
        if self.takes_symbol:
            feed[SYMBOL_INPUT] = symbols
        try:
            (answer,) = self.session.run([OUTPUT_NAME], feed)
        except ORT_ERRORS as error:
            raise NetworkError(first_line(error)) from error
        return _checked(answer, len(windows))


def check_device(device: str) -> tuple[str, ...]:
    """Return ONNX Runtime's providers for `cpu` or `cuda`.

    Raises ConfigError naming what there is where the device is not available.
    """
    if device not in _PROVIDERS:
        raise ConfigError(f"device {device!r} is unknown; allowed are {', '.join(_PROVIDERS)}")
    providers, available = _PROVIDERS[device], ort.get_available_providers()
    if providers[0] not in available:
        raise ConfigError(
            f"device {device} needs ONNX Runtime's {providers[0]}; here are only "
            f"{', '.join(available)}. Set MODEL_DEVICE=cpu, or install onnxruntime-gpu"
        )
    return providers


def open_signal_network(
    content: bytes, digest: str, path: Path, symbols: int, device: str = "cpu"
) -> SignalNetwork:
    """Open an ONNX file's content, check its tensors and run it once.

    symbols: how many its manifest names. Raises ArtefactError (artefact_refused, width_mismatch
    or artefact_too_slow) naming what differs, ConfigError where the device cannot be had.
    """
    providers = check_device(device)
    session = open_session(content, path, providers)
    # ONNX Runtime falls back to the CPU without a word where a GPU cannot be opened.
    if session.get_providers()[0] != providers[0]:
        raise ConfigError(f"device {device} is there, but ONNX Runtime could not open it")
    names = _check_tensors(session, path)
    network = SignalNetwork(session, digest, SYMBOL_INPUT in names)
    try_network(network, symbols, path)
    return network


def try_network(network: SignalNetwork, symbols: int, path: Path) -> None:
    """Run the network on the first and the last of its manifest's symbols, and on one alone.

    Raises ArtefactError: artefact_refused where it fails (it may know fewer symbols),
    artefact_too_slow.
    """
    indices = np.array([0, symbols - 1], np.int64)
    windows = np.zeros((2, WINDOW, INDICATOR_COUNT), np.float32)
    try:
        network.run(windows, indices)
        network.run(windows[:1], indices[:1])
    except NetworkError as error:
        cause = error.__cause__
        raise failed_trial(cause if isinstance(cause, Exception) else error, path) from error


def _check_tensors(session: Any, path: Path) -> set[str]:
    inputs = {tensor.name: tensor for tensor in session.get_inputs()}
    if not {WINDOW_INPUT} <= set(inputs) <= set(_TYPES):
        message = (
            f"has the inputs {', '.join(inputs) or 'none'}; {WINDOW_INPUT} and {SYMBOL_INPUT} "
            "are allowed"
        )
        raise ArtefactError(Refusal.REFUSED, path, message)
    for name, tensor in inputs.items():
        if tensor.type != _TYPES[name] or len(tensor.shape) != _RANKS[name]:
            message = f"input {name} is {tensor.type} {tensor.shape}; {_TYPES[name]} is needed"
            raise ArtefactError(Refusal.REFUSED, path, message)
        if isinstance(tensor.shape[0], int):
            message = f"input {name} takes {tensor.shape[0]} rows only; any number is needed"
            raise ArtefactError(Refusal.REFUSED, path, message)
    for size, needed in zip(inputs[WINDOW_INPUT].shape[1:], (WINDOW, INDICATOR_COUNT), strict=True):
        if isinstance(size, int) and size != needed:
            shape = inputs[WINDOW_INPUT].shape
            message = f"takes windows of {shape}; [N, {WINDOW}, {INDICATOR_COUNT}] is needed"
            raise ArtefactError(Refusal.WIDTH, path, message)
    outputs = [tensor.name for tensor in session.get_outputs()]
    if OUTPUT_NAME not in outputs:
        message = f"has the outputs {', '.join(outputs)}; {OUTPUT_NAME} is needed"
        raise ArtefactError(Refusal.REFUSED, path, message)
    return set(inputs)


def _checked(answer: Any, rows: int) -> Probabilities:
    if not isinstance(answer, np.ndarray) or answer.dtype.kind != "f":
        raise NetworkError("it does not answer with floating-point numbers")
    if answer.shape != (rows, CLASSES):
        raise NetworkError(f"it answers {rows} rows with {answer.shape}, not [{rows}, {CLASSES}]")
    probabilities = answer.astype(np.float64)
    total = probabilities.sum(axis=1, keepdims=True)
    # Written so that NaN fails too.
    if not (np.abs(total - 1) <= _SUM_TOLERANCE).all() or not (probabilities >= 0).all():
        raise NetworkError("its answers are no probabilities that sum to 1")
    scaled: Probabilities = probabilities / total
    return scaled
