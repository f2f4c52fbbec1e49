"""Means and scales of the inputs, fitted on training rows only, the same for up and down.

An upward market and its mirror image are equally likely as far as minutes of data can tell,
so every model is fitted on the rows and on their mirror images: a drift of the few minutes
at hand is not learnt. Signed features therefore have mean 0 by construction.
"""

import numpy as np
import torch

from market.hot.vector import FEATURE_COUNT, HORIZON_MS
from training.labels import Direction
from training.networks import Floats, InputTransform, mirrored
from training.splits import Integers

RARE = 0.05
"""A feature void in all but this share of the training rows teaches nothing: it is muted."""


def fit_transform(features: Floats) -> InputTransform:
    """Return the transform whose means and scales are those of raw features [n, 20]."""
    transform = InputTransform(horizon_seconds=HORIZON_MS / 1000)
    ratios, void = transform.ratios(torch.from_numpy(features.astype(np.float32)))
    known = np.where(void.numpy(), np.nan, ratios.numpy().astype(np.float64))
    both = np.concatenate([known, mirrored(known)])
    mean, gain = np.zeros(FEATURE_COUNT), np.zeros(FEATURE_COUNT)
    for column in range(FEATURE_COUNT):
        values = both[:, column][np.isfinite(both[:, column])]
        if len(values) <= RARE * len(both):
            continue
        mean[column] = values.mean()
        spread = float(values.std())
        gain[column] = 1.0 / spread if spread > 0 else 0.0
    transform.mean.copy_(torch.from_numpy(mean))
    transform.gain.copy_(torch.from_numpy(gain))
    return transform


def scaled(transform: InputTransform, features: Floats) -> Floats:
    """Return the network's inputs for raw features, both [n, 20], as float64."""
    with torch.no_grad():
        inputs: torch.Tensor = transform(torch.from_numpy(features.astype(np.float32)))
    return inputs.numpy().astype(np.float64)


def with_mirror(
    inputs: Floats, targets: Floats, classes: Integers
) -> tuple[Floats, Floats, Integers]:
    """Return rows followed by their mirror images: the target negated, up and down exchanged."""
    opposite = np.array([Direction.DOWN, Direction.FLAT, Direction.UP], dtype=np.int64)
    return (
        np.concatenate([inputs, mirrored(inputs)]),
        np.concatenate([targets, -targets]),
        np.concatenate([classes, opposite[classes]]),
    )
