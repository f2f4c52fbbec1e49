"""The distribution of one input in a few numbers, and how much of a sample is independent.

A sketch of what a version learned from lies beside its network, so that drift can be told without
the training data. Written by shipping, read by `training.drift.shifts`.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEVELS = (0.01, *(step / 20 for step in range(1, 20)), 0.99)
"""The quantiles that are kept: tails, and every 5 %."""
DECILES = tuple(step / 10 for step in range(1, 10))
HOUR_MS = 3_600_000
LEAST_HOURS = 20
"""A market's day has a shape: of less than one, what is usual cannot be told."""
LEAST_TIMES = 100
BLOCKS = 14
"""Half days of a week: a whole number a day, so that its shape cancels out."""
LARGEST_CORRELATION = 0.8
DIGITS = 6


class Sketch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One input in a sample of n rows.

    values: its quantiles at LEVELS, rising, each once; below: the share of known values at or
    below each. void: the share that is unknown. n_eff: as many independent rows; None where the
    sample is too short to tell (fewer than LEAST_HOURS, or LEAST_TIMES).
    """

    values: tuple[float, ...]
    below: tuple[float, ...]
    void: float
    n: int
    n_eff: float | None


def sketch(values: Floats, times_ms: Integers) -> Sketch:
    """Return the sketch of an input [n], NaN where void, in order of time."""
    known = values[np.isfinite(values)]
    points = _quantiles(known, LEVELS)
    below = shares_below(known, points)
    return Sketch(
        values=tuple(points.tolist()),
        below=tuple(np.round(below, DIGITS).tolist()),
        void=round(1 - len(known) / max(1, len(values)), DIGITS),
        n=len(values),
        n_eff=effective_n(values, times_ms),
    )


def shares_below(known: Floats, points: Floats) -> Floats:
    """Return the share of known values at or below each point; zeros where none is known."""
    if not len(known):
        return np.zeros(len(points))
    shares: Floats = np.searchsorted(np.sort(known), points, side="right") / len(known)
    return shares


def effective_n(values: Floats, times_ms: Integers) -> float | None:
    """Return how many independent rows say as much of the distribution as these [n].

    From how the shares below its deciles scatter between BLOCKS stretches of time, and how much of
    that one stretch still knows of the next. Rows of one time (symbols that move together) share a
    stretch. None where the sample is too short.
    """
    times, place = np.unique(times_ms, return_inverse=True)
    if len(times) < LEAST_TIMES or len(np.unique(times // HOUR_MS)) < LEAST_HOURS:
        return None
    n = len(values)
    deciles = _quantiles(values[np.isfinite(values)], DECILES)
    # What is void is below nothing, as if it were infinitely large.
    below = (values[:, None] <= deciles).astype(np.float64)
    held = np.zeros((BLOCKS, len(deciles)))
    block = place * BLOCKS // len(times)
    np.add.at(held, block, below)
    shares = below.mean(axis=0)
    surprise = held - np.bincount(block, minlength=BLOCKS)[:, None] * shares
    squares = float((surprise**2).sum())
    if not squares:
        return float(n)
    inflation = _inflation(float((surprise[1:] * surprise[:-1]).sum()) / squares)
    variance = squares * BLOCKS / (BLOCKS - 1) / n**2 * inflation
    return min(float(n), float((shares * (1 - shares)).sum()) / variance)


def _inflation(correlation: float) -> float:
    # A first-order process; few blocks show less correlation than there is.
    corrected = correlation + (1 + 3 * correlation) / BLOCKS
    bounded = min(max(corrected, 0.0), LARGEST_CORRELATION)
    return (1 + bounded) / (1 - bounded)


def _quantiles(known: Floats, levels: Sequence[float]) -> Floats:
    if not len(known):
        return np.zeros(0)
    found = np.quantile(known, levels, method="inverted_cdf").tolist()
    return np.unique([float(f"{value:.{DIGITS}g}") for value in found])
