"""The losses of class probabilities, one number a prediction. Read by accuracy and by training."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PROBABILITY_FLOOR = 1e-9
"""Log-loss of a certain error is capped here, so that one row cannot be infinite."""


def log_losses(classes: Integers, probabilities: Floats) -> Floats:
    """Return -ln of the probability [n, classes] given to what happened, [n]."""
    given = probabilities[np.arange(len(classes)), classes]
    losses: Floats = -np.log(np.maximum(given, PROBABILITY_FLOOR))
    return losses


def brier_scores(classes: Integers, probabilities: Floats) -> Floats:
    """Return Σ(p - happened)² over the classes: 0 is perfect, 2 the worst."""
    happened = np.eye(probabilities.shape[1])[classes]
    scores: Floats = ((probabilities - happened) ** 2).sum(axis=1)
    return scores
