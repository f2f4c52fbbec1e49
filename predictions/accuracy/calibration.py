"""Calibration from counts by probability: ECE and reliability with bins of equal mass.

Rows and roll-ups alike come as fine bins, so both give the same figures. Read by the summaries.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

COARSE = 10


@dataclass(frozen=True, slots=True)
class ReliabilityPoint:
    """One bin: mean probability said, observed share, how many."""

    probability: float
    share: float
    n: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """ECE (mean |observed share - mean probability| over bins of equal mass) and its points."""

    ece: float | None
    n: int
    points: tuple[ReliabilityPoint, ...]


def calibration(counts: Floats, said: Floats, happened: Floats, bins: int = COARSE) -> Calibration:
    """Join fine bins, in order of probability, into at most `bins` of about equal mass.

    counts, said, happened: [fine] how many, Σ probability, how often it came true. A fine bin
    is never split: predictions of one probability stay together.
    """
    total = float(counts.sum())
    if not total:
        return Calibration(None, 0, ())
    middles = np.cumsum(counts) - counts / 2
    place = np.minimum((middles / total * bins).astype(np.int64), bins - 1)
    n = np.bincount(place, counts, minlength=bins)
    kept = n > 0
    n = n[kept]
    probability = np.bincount(place, said, minlength=bins)[kept] / n
    share = np.bincount(place, happened, minlength=bins)[kept] / n
    points = tuple(
        ReliabilityPoint(*point)
        for point in zip(
            probability.tolist(), share.tolist(), n.astype(np.int64).tolist(), strict=True
        )
    )
    ece = math.fsum(point.n * abs(point.share - point.probability) for point in points) / total
    return Calibration(ece, int(total), points)
