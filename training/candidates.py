"""What can be judged and calibrated alike: graphs of ours, and gradient-boosted trees."""

from dataclasses import dataclass
from typing import Protocol

import lightgbm
import numpy as np
import torch

from market.hot.vector import HORIZON_MS, INDEX
from training.labels import TARGET_LIMIT, expected_move_bp
from training.networks import Floats, Forecaster, InputTransform, forecast
from training.scaling import scaled


@dataclass(frozen=True, slots=True)
class Calibration:
    """One temperature for the logits, and residual quantiles in units of sigma·√h."""

    temperature: float
    low: float
    high: float


class Candidate(Protocol):
    """A fitted model: raw features [N, 20] → forecasts [N, 6] in the graph's output order."""

    name: str

    def predict(self, features: Floats) -> Floats: ...

    def calibrate(self, calibration: Calibration) -> None: ...


class GraphCandidate:
    """A Forecaster: what can be exported and served."""

    def __init__(self, name: str, graph: Forecaster) -> None:
        self.name = name
        self.graph = graph

    def predict(self, features: Floats) -> Floats:
        return forecast(self.graph, features)

    def calibrate(self, calibration: Calibration) -> None:
        self.graph.temperature.fill_(calibration.temperature)
        quantiles = torch.tensor([calibration.low, calibration.high])
        self.graph.residual_quantiles.copy_(quantiles)


class TreesCandidate:
    """LightGBM on the same inputs: one booster for the move, one for the direction."""

    def __init__(
        self,
        name: str,
        transform: InputTransform,
        move: lightgbm.Booster,
        direction: lightgbm.Booster,
    ) -> None:
        self.name = name
        self.transform = transform
        self.move = move
        self.direction = direction
        self._calibration = Calibration(1.0, 0.0, 0.0)

    def predict(self, features: Floats) -> Floats:
        inputs = scaled(self.transform, features)
        sigma = features[:, INDEX["price_volatility"]]
        moves = expected_move_bp(sigma, HORIZON_MS / 1000)[:, None]
        standard = np.asarray(self.move.predict(inputs), dtype=np.float64)[:, None]
        expected = np.clip(standard, -TARGET_LIMIT, TARGET_LIMIT) * moves
        probabilities = np.asarray(self.direction.predict(inputs), dtype=np.float64)
        return np.concatenate(
            [
                expected,
                expected + self._calibration.low * moves,
                expected + self._calibration.high * moves,
                tempered(probabilities, self._calibration.temperature),
            ],
            axis=1,
        )

    def calibrate(self, calibration: Calibration) -> None:
        self._calibration = calibration


def tempered(probabilities: Floats, temperature: float) -> Floats:
    """Return softmax(ln p / temperature), rows of [n, 3] that sum to 1."""
    powers = np.maximum(probabilities, 1e-12) ** (1.0 / temperature)
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result
