"""A fitted signal network: its answers, and its files in the specification's layout."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnxruntime
import torch
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from inference.artefacts.signal_manifest import (
    NETWORK_NAME,
    OUTPUT_NAME,
    SCALER_NAME,
    SYMBOL_INPUT,
    TORCH_NAME,
    WINDOW_INPUT,
)
from inference.artefacts.torch_import import CnnLstm, Shape, export_onnx
from market.candles.series import Floats, Integers
from training.export import ExportMismatchError
from training.signals.datasets import SignalDataset
from training.signals.windows import ScaledWindows, Scaling

PARITY = 1e-5
"""Greatest difference of a probability between the network and its ONNX file."""
BATCH_ROWS = 1024
"""Windows answered at once: more do not fit a core's cache and take twice as long each."""
_CHECKED_SIZES = (1, 2, 34, 500)


@dataclass(frozen=True, slots=True)
class EpochNote:
    """One pass, from 1, of the trial (member 0) or a member: training loss, loss on the trial's
    later rows (None where all rows teach), is it the best yet."""

    member: int
    epoch: int
    loss: float
    inner_loss: float | None
    best: bool


@dataclass(frozen=True, slots=True)
class FittedNetwork:
    """Weights, scaling and how they came about.

    state_dict: of a CnnLstm, on the CPU. samples_per_s: windows a second while training; None
    where nothing was trained in this process.
    """

    state_dict: dict[str, Tensor]
    scaling: Scaling
    history: tuple[EpochNote, ...] = ()
    samples_per_s: float | None = None

    @property
    def scaler_mean(self) -> Floats:
        return self.scaling.mean

    @property
    def scaler_scale(self) -> Floats:
        return self.scaling.scale

    @property
    def temperature(self) -> float:
        return float(self.state_dict["temperature"])

    @property
    def weight_count(self) -> int:
        return sum(tensor.numel() for tensor in self.state_dict.values())

    def with_temperature(self, temperature: float) -> "FittedNetwork":
        """Return the network whose probabilities are softmax(logits / temperature)."""
        state = {**self.state_dict, "temperature": torch.tensor(float(temperature))}
        return replace(self, state_dict=state)

    def network(self) -> CnnLstm:
        """Build the torch network, ready to answer on the CPU."""
        network = CnnLstm(Shape.of(self.state_dict))
        network.load_state_dict(self.state_dict)
        return network.eval()

    def logits(self, dataset: SignalDataset, rows: Integers, device: str = "cpu") -> Floats:
        """Return logits float64 [k, 3] of decisions, before the temperature."""
        windows = ScaledWindows(dataset, self.scaling, device)
        return answers(self.network().to(device), windows, rows)

    def save(self, folder: Path) -> None:
        """Write `cnn_lstm_best.pt`, a plain state dict, and `scaler.pkl` into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / TORCH_NAME, lambda path: torch.save(self.state_dict, path))
        scaler = StandardScaler()
        scaler.mean_, scaler.scale_ = self.scaling.mean, self.scaling.scale
        scaler.var_ = self.scaling.scale**2
        scaler.n_features_in_ = len(self.scaling.mean)
        scaler.n_samples_seen_ = self.scaling.candles
        _replace(folder / SCALER_NAME, lambda path: joblib.dump(scaler, path))

    def export(self, folder: Path, dataset: SignalDataset) -> float:
        """Write `cnn_lstm_best.onnx` and compare it with the network on rows of `dataset`.

        Returns the greatest difference of a probability.
        Raises ExportMismatchError above PARITY; nothing is left behind then.
        """
        path = folder / NETWORK_NAME
        export_onnx(self.network(), self.scaling.mean, self.scaling.scale, path)
        try:
            return self._checked(path, dataset)
        except ExportMismatchError:
            path.unlink()
            raise

    def _checked(self, path: Path, dataset: SignalDataset) -> float:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
        worst = 0.0
        for size in _CHECKED_SIZES:
            rows = np.linspace(0, len(dataset) - 1, size).astype(np.int64)
            asked = {WINDOW_INPUT: dataset.windows(rows), SYMBOL_INPUT: dataset.symbol[rows]}
            served = session.run([OUTPUT_NAME], asked)[0]
            logits = torch.from_numpy(self.logits(dataset, rows)) / self.temperature
            expected = torch.softmax(logits, dim=1).numpy()
            if served.shape != expected.shape or not np.isfinite(served).all():
                raise ExportMismatchError(f"{size} rows: shape {served.shape}, or not finite")
            worst = max(worst, float(np.abs(served - expected).max()))
        if worst > PARITY:
            raise ExportMismatchError(f"differs from the network by {worst:.2e} (> {PARITY:.0e})")
        return worst


def answers(network: CnnLstm, windows: ScaledWindows, rows: Integers) -> Floats:
    """Return logits float64 [k, 3] of a network in evaluation mode, batch by batch."""
    taken = torch.from_numpy(np.asarray(rows, dtype=np.int64)).to(windows.label.device)
    parts = [torch.empty((0, 3), dtype=torch.float64)]
    with torch.no_grad():
        for batch in torch.split(taken, BATCH_ROWS):
            logits = network(windows.gather(batch), windows.symbol[batch])
            parts.append(logits.double().cpu())
    found: Floats = torch.cat(parts).numpy()
    return found


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    draft = path.with_name(f"{path.name}.tmp")
    write(draft)
    draft.replace(path)
