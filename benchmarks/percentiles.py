"""Percentiles of alternating runs: the median over runs, so that one noisy run says little."""

from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile; share in 0…1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median_percentile(runs: Sequence[Sequence[float]], share: float) -> float:
    """Return the median over runs of each run's percentile."""
    return median(percentile(run, share) for run in runs)
