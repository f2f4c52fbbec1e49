"""Windows of scaled indicators for a network, gathered batch by batch.

The indicators of all coins are scaled once; a batch of windows is an index into them, so that
no window is ever stored. Read by the fit and by whoever asks a network for logits.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from market.candles.indicators import INDICATOR_NAMES, WINDOW
from market.candles.series import Flags, Floats, Integers
from training.signals.datasets import SignalDataset

SIGNED = (
    "macd_histogram_atr",
    "macd_line_atr",
    "ema_12_atr",
    "ema_26_atr",
    "sma_100_atr",
    "return_z_96",
)
"""Change sign when up and down are exchanged."""
CENTRES = {"rsi_14": 50.0, "stochastic_k": 50.0, "mfi_14": 50.0, "bollinger_b": 0.5}
"""Are mirrored at these values: 70 becomes 30."""
EXCHANGED = (2, 1, 0)
"""Classes SHORT, NO_TRADE, LONG of a mirrored market."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Means and standard deviations [14] of the raw indicators, over `candles` candles."""

    mean: Floats
    scale: Floats
    candles: int

    @classmethod
    def of(cls, dataset: SignalDataset, rows: Integers) -> Self:
        """Take both from the candles that the windows of `rows` show, each candle once."""
        seen = dataset.indicators[_candles_seen(dataset, rows)].astype(np.float64)
        spread = seen.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        return cls(_single(seen.mean(axis=0)), _single(scale), len(seen))


class ScaledWindows:
    """The scaled indicators of a dataset on a device, as windows float32 [k, 60, 14]."""

    def __init__(self, dataset: SignalDataset, scaling: Scaling, device: str) -> None:
        raw = torch.from_numpy(np.nan_to_num(dataset.indicators)).to(device)
        mean = torch.from_numpy(scaling.mean.astype(np.float32)).to(device)
        scale = torch.from_numpy(scaling.scale.astype(np.float32)).to(device)
        self._values = (raw - mean) / scale
        self._both_ways: Tensor | None = None
        self._starts = torch.tensor(dataset.end_row - WINDOW + 1).to(device)
        self.symbol = torch.tensor(dataset.symbol).to(device)
        self.label = torch.tensor(dataset.label).to(device)
        self.sign, self.shift = _mirror(mean, scale)

    def gather(self, rows: Tensor) -> Tensor:
        """Return the windows of these rows [k]."""
        return _taken(self._values, self._starts[rows])

    def gather_turned(self, rows: Tensor, turned: Tensor) -> Tensor:
        """Return the windows of these rows [k], those that are `turned` [k] mirrored."""
        if self._both_ways is None:
            self._both_ways = torch.cat([self._values, self.mirrored(self._values)])
        return _taken(self._both_ways, self._starts[rows] + turned * len(self._values))

    def mirrored(self, windows: Tensor) -> Tensor:
        """Return windows as a market that falls where this one rises would show them."""
        return windows * self.sign + self.shift


def _taken(values: Tensor, starts: Tensor) -> Tensor:
    # All windows as overlapping rows of one view, so that each is copied in one piece.
    rows, columns = values.shape
    windows = values.as_strided((rows - WINDOW + 1, WINDOW * columns), (columns, 1))
    return windows.index_select(0, starts).view(len(starts), WINDOW, columns)


def _single(values: Floats) -> Floats:
    # The graph holds float32: so do the files beside it.
    return values.astype(np.float32).astype(np.float64)


def _candles_seen(dataset: SignalDataset, rows: Integers) -> Flags:
    # A coverage count: +1 where a window begins, -1 after it ends.
    change = np.zeros(len(dataset.indicators) + 1, dtype=np.int64)
    ends = dataset.end_row[rows]
    np.add.at(change, ends - WINDOW + 1, 1)
    np.add.at(change, ends + 1, -1)
    seen: Flags = np.cumsum(change)[:-1] > 0
    return seen


def _mirror(mean: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    # raw' = c - raw with c = 2·centre: scaled' = -scaled + (c - 2·mean) / scale.
    sign, shift = torch.ones_like(mean), torch.zeros_like(mean)
    for index, name in enumerate(INDICATOR_NAMES):
        if name in SIGNED or name in CENTRES:
            sign[index] = -1.0
            shift[index] = (2 * CENTRES.get(name, 0.0) - 2 * mean[index]) / scale[index]
    return sign, shift
