"""The hot forecaster as one graph: raw features in, forecast out.

Imputation, scaling and every ratio of prices happen inside, so that serving is one run on
what the feed wrote. Shapes: N decisions, 20 features, 4 heads, 6 outputs.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from market.hot.vector import FEATURE_COUNT, FEATURE_NAMES, INDEX
from training.labels import TARGET_LIMIT

Floats = npt.NDArray[np.float64]

OUTPUTS = ("ret_bp", "q05_bp", "q95_bp", "p_up", "p_flat", "p_down")
HEADS = 4
"""Expected move in units of sigma·√h, then the logits of up, flat, down."""
INPUT_LIMIT = 5.0
"""Scaled inputs are clipped here: a market unlike the training one cannot explode the output."""


SMALLEST_MOVE_BP = 1e-6
"""Keeps ratios finite in a market that stands still; the forecast there is 0 either way."""

LOGARITHMIC = (
    "volume_1s",
    "volume_5s",
    "trade_intensity_1s",
    "avg_trade_size_1s",
    "dollar_volume_1s",
)
"""Enter as ln(1 + x): their tails span decades."""

IN_BASIS_POINTS = (
    "price",
    "mid_price",
    "ret_1s",
    "ret_5s",
    "ret_10s",
    "spread_bp",
    "vwap_dev_1s",
    "vwap_dev_5s",
)
"""Enter in units of the expected move sigma·√h, as the target does: so a market of 0.002 bp spread
and one of 0.02 bp can be learnt from together, and microprice-linear stays linear in bp."""

SIGNED = (
    "price",
    "mid_price",
    "ret_1s",
    "ret_5s",
    "ret_10s",
    "vol_imbalance_1s",
    "vol_imbalance_5s",
    "ob_imbalance",
    "vwap_dev_1s",
    "vwap_dev_5s",
    "momentum",
)
"""Change sign when up and down are exchanged; bid_strength and ask_strength change places."""

MICROPRICE = INDEX["mid_price"]
"""In the inputs the mid's place holds the microprice term, the price's the last trade's
distance from the mid: absolute levels never reach the network."""


class InputTransform(nn.Module):
    """Raw features → scaled inputs, both [N, 20]; a void feature enters as its mean (0)."""

    mean: Tensor
    gain: Tensor
    logarithmic: Tensor
    in_basis_points: Tensor

    def __init__(self, *, horizon_seconds: float) -> None:
        super().__init__()
        self.horizon_seconds = horizon_seconds
        self.register_buffer("mean", torch.zeros(FEATURE_COUNT))
        self.register_buffer("gain", torch.ones(FEATURE_COUNT))
        self.register_buffer("logarithmic", _mask(LOGARITHMIC))
        self.register_buffer("in_basis_points", _mask(IN_BASIS_POINTS))

    def forward(self, raw: Tensor) -> Tensor:
        ratios, void = self.ratios(raw)
        scaled = (ratios - self.mean) * self.gain
        return torch.where(void, torch.zeros_like(scaled), scaled).clamp(-INPUT_LIMIT, INPUT_LIMIT)

    def ratios(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scale-free features, unscaled, and where they are void. Both [N, 20]."""
        price, mid = raw[:, 0:1], raw[:, 1:2]
        spread = raw[:, INDEX["spread_bp"]].unsqueeze(1)
        imbalance = raw[:, INDEX["ob_imbalance"]].unsqueeze(1)
        # ln(1+x) = 2·atanh(x/(2+x)): the plain logarithm of a float32 next to 1 keeps nothing
        # of a spread of a hundredth of a basis point.
        shift = spread * imbalance / 2e4
        deviation = 2e4 * torch.atanh((price - mid) / (price + mid))
        microprice = 2e4 * torch.atanh(shift / (2 + shift))
        own = torch.cat([deviation, microprice, raw[:, 2:]], dim=1)
        move = expected_move(raw, self.horizon_seconds).clamp(min=SMALLEST_MOVE_BP)
        void = torch.isnan(own) | (self.in_basis_points & torch.isnan(move))
        logs = torch.log(1 + own.clamp(min=0))
        ratios = torch.where(self.in_basis_points, own / move, own)
        return torch.where(self.logarithmic, logs, ratios), void


class Forecaster(nn.Module):
    """A linear path plus, where `hidden` > 0, a small residual that starts at zero.

    forward: raw [N, 20] → [N, 6] as OUTPUTS; returns in bp, probabilities sum to 1.
    """

    temperature: Tensor
    residual_quantiles: Tensor

    def __init__(self, *, horizon_seconds: float, hidden: int = 0) -> None:
        super().__init__()
        self.horizon_seconds = horizon_seconds
        self.transform = InputTransform(horizon_seconds=horizon_seconds)
        self.linear = nn.Linear(FEATURE_COUNT, HEADS)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.residual = _residual(hidden) if hidden else None
        self.register_buffer("temperature", torch.ones(1))
        self.register_buffer("residual_quantiles", torch.zeros(2))

    def heads(self, inputs: Tensor) -> Tensor:
        """Return [N, 4] from scaled inputs [N, 20]."""
        linear: Tensor = self.linear(inputs)
        return linear if self.residual is None else linear + self.residual(inputs)

    def forward(self, raw: Tensor) -> Tensor:
        heads = self.heads(self.transform(raw))
        move = expected_move(raw, self.horizon_seconds)
        expected = heads[:, 0:1].clamp(-TARGET_LIMIT, TARGET_LIMIT) * move
        quantiles = expected + self.residual_quantiles * move  # [N, 2]
        probabilities = torch.softmax(heads[:, 1:] / self.temperature, dim=1)
        return torch.cat([expected, quantiles, probabilities], dim=1)


def expected_move(raw: Tensor, horizon_seconds: float) -> Tensor:
    """Return sigma·√h in bp, [N, 1], from raw features."""
    move: Tensor = raw[:, INDEX["price_volatility"]].unsqueeze(1) * horizon_seconds**0.5
    return move


def forecast(model: nn.Module, features: Floats) -> Floats:
    """Run a forecaster on raw features [N, 20]; return [N, 6] float64."""
    with torch.no_grad():
        answer: Tensor = model(torch.from_numpy(features.astype(np.float32)))
    return answer.numpy().astype(np.float64)


def mirrored(inputs: Floats) -> Floats:
    """Return scaled inputs as they would be if up and down were exchanged."""
    other = inputs.copy()
    signed = [INDEX[name] for name in SIGNED]
    other[:, signed] = -other[:, signed]
    sides = [INDEX["bid_strength"], INDEX["ask_strength"]]
    other[:, sides] = inputs[:, sides[::-1]]
    return other


def _mask(names: tuple[str, ...]) -> Tensor:
    return torch.tensor([name in names for name in FEATURE_NAMES])


def _residual(hidden: int) -> nn.Sequential:
    last = nn.Linear(hidden, HEADS)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(FEATURE_COUNT, hidden), nn.SiLU(), last)
