"""What a slot's networks are fed, as drift judges it.

The forecaster's inputs are judged as they enter its linear path, before means and scales: prices
are distances from the mid in units of the expected move, volumes logarithms. A price level drifts
by nature, and no network sees one. The indicators of signals are scale-free already.
"""

import numpy as np
import torch

from inference.artefacts.versions import Slot
from market.candles.vector import INDICATOR_NAMES
from market.hot.vector import FEATURE_NAMES, HORIZON_MS
from training.drift.sketches import Floats
from training.networks import InputTransform

FORECAST_INPUTS = ("price_distance", "microprice_distance", *FEATURE_NAMES[2:])
"""In the places of price and mid_price a network sees what the last trade and the microprice are
away from the mid."""


def input_names(slot: Slot) -> tuple[str, ...]:
    """Return what a slot's inputs are called, in their order."""
    return FORECAST_INPUTS if slot.timeframe is None else INDICATOR_NAMES


def forecast_inputs(features: Floats) -> Floats:
    """Return the inputs [n, 20] of raw features [n, 20]; NaN where void."""
    transform = InputTransform(horizon_seconds=HORIZON_MS / 1000)
    with torch.no_grad():
        ratios, void = transform.ratios(torch.from_numpy(features.astype(np.float32)))
    inputs: Floats = ratios.numpy().astype(np.float64)
    inputs[void.numpy() | ~np.isfinite(inputs)] = np.nan
    return inputs
