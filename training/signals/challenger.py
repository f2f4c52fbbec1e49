"""The network as the protocol asks it: one more fitted model among the baselines."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from market.candles.series import Floats, Integers
from training.signals.datasets import SignalDataset
from training.signals.fitted import FittedNetwork
from training.signals.protocol import NETWORK, Fit


@dataclass(frozen=True, slots=True)
class NetworkModel:
    """A fitted network as the protocol asks models: probabilities at a temperature of 1."""

    fitted: FittedNetwork
    name: str = NETWORK

    def predict(self, dataset: SignalDataset, rows: Integers) -> Floats:
        logits = self.fitted.logits(dataset, rows)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Floats = powers / powers.sum(axis=1, keepdims=True)
        return shares


def network_fit(fit: Callable[[SignalDataset, Integers, str], FittedNetwork]) -> Fit:
    """Return a Fit of the protocol for what gives the network of a split."""
    return lambda dataset, rows, split: NetworkModel(fit(dataset, rows, split))
