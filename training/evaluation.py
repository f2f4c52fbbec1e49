"""The protocol's figures, one function each, in plain NumPy; read by training and the cards.

Every loss function returns one number a decision, so that intervals, tests and ratios are all
made of the same sums. Probabilities are [n, 3] in the order up, flat, down.
"""

import numpy as np
import numpy.typing as npt

from predictions.accuracy.losses import brier_scores as brier_scores
from predictions.accuracy.losses import log_losses as log_losses

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def squared_errors(returns_bp: Floats, predicted_bp: Floats) -> Floats:
    errors: Floats = (returns_bp - predicted_bp) ** 2
    return errors


def absolute_errors(returns_bp: Floats, predicted_bp: Floats) -> Floats:
    errors: Floats = np.abs(returns_bp - predicted_bp)
    return errors


def moved_with_direction(returns_bp: Floats, predicted_bp: Floats) -> Bools:
    """Return the rows that a hit rate counts: the mid moved and a direction was given."""
    counted: Bools = (returns_bp != 0) & (predicted_bp != 0)
    return counted


def hits(returns_bp: Floats, predicted_bp: Floats) -> Floats:
    """Return 1.0 where the direction was right, 0.0 elsewhere (zero moves included)."""
    return (np.sign(returns_bp) * np.sign(predicted_bp) > 0).astype(np.float64)


def covered(returns_bp: Floats, lower_bp: Floats, upper_bp: Floats) -> Floats:
    """Return 1.0 where the outcome lies in the closed interval."""
    return ((lower_bp <= returns_bp) & (returns_bp <= upper_bp)).astype(np.float64)


def r_squared(returns_bp: Floats, predicted_bp: Floats) -> float:
    """Return 1 - Σ(y - ŷ)²/Σy²: skill against "no change", not against the sample mean."""
    return 1.0 - ratio(squared_errors(returns_bp, predicted_bp), returns_bp**2)


def mae_ratio(returns_bp: Floats, predicted_bp: Floats) -> float:
    """Return the mean absolute error over that of "no change"."""
    return ratio(absolute_errors(returns_bp, predicted_bp), np.abs(returns_bp))


def hit_rate(returns_bp: Floats, predicted_bp: Floats) -> float:
    """Return the share of right directions, zero moves excluded; NaN where none counts."""
    counted = moved_with_direction(returns_bp, predicted_bp)
    return ratio(hits(returns_bp, predicted_bp)[counted], np.ones(int(counted.sum())))


def log_loss_skill(classes: Integers, probabilities: Floats, prior: Floats) -> float:
    """Return 1 - log-loss / log-loss of the prior ([3], or [n, 3])."""
    base = np.broadcast_to(prior, probabilities.shape)
    return 1.0 - ratio(log_losses(classes, probabilities), log_losses(classes, base))


def expected_calibration_error(happened: Floats, probability: Floats, bins: int = 10) -> float:
    """Return the mean |observed share - mean probability| over equal-mass bins.

    happened, probability: [n]. Ties are kept together only by their order in the sort.
    """
    if not len(probability):
        return float("nan")
    order = np.argsort(probability, kind="stable")
    error = 0.0
    for rows in np.array_split(order, min(bins, len(order))):
        error += len(rows) * abs(float(happened[rows].mean() - probability[rows].mean()))
    return error / len(order)


def class_calibration_error(classes: Integers, probabilities: Floats, bins: int = 10) -> float:
    """Return the ECE averaged over up, flat and down."""
    errors = [
        expected_calibration_error((classes == label).astype(np.float64), column, bins)
        for label, column in enumerate(probabilities.T)
    ]
    return float(np.mean(errors))


def reliability(happened: Floats, probability: Floats, bins: int = 10) -> list[tuple[float, ...]]:
    """Return (mean probability, observed share, n) for each equal-mass bin."""
    order = np.argsort(probability, kind="stable")
    return [
        (float(probability[rows].mean()), float(happened[rows].mean()), float(len(rows)))
        for rows in np.array_split(order, min(bins, max(1, len(order))))
        if len(rows)
    ]


def quantile_parts(values: Floats | Integers, count: int) -> Integers:
    """Return which of `count` equally full parts, by size, each value lies in."""
    edges = np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])
    parts: Integers = np.searchsorted(edges, values, "right").astype(np.int64)
    return parts


def ratio(numerators: Floats, denominators: Floats) -> float:
    """Return Σ numerators / Σ denominators; NaN where the denominators sum to zero."""
    below = float(denominators.sum())
    return float(numerators.sum()) / below if below else float("nan")
