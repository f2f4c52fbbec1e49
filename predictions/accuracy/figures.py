"""Figures as people get them: plain values, ready for JSON; unknown, and too few, is None.

Read by the summaries of forecasts and of signals.
"""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from predictions.accuracy.calibration import Calibration
from predictions.accuracy.intervals import Estimate

Floats = npt.NDArray[np.float64]
Figure = dict[str, Any]


def figure(estimate: Estimate, minimum: int, **beside: Any) -> Figure:
    """Return an estimate as plain values; under the minimum n nothing but n is told."""
    told = asdict(estimate)
    if estimate.n < minimum:
        told |= {"value": None, "lower": None, "upper": None, "n_eff": None}
        beside = dict.fromkeys(beside)
    return told | beside


def calibration_figure(found: Calibration, minimum: int) -> Figure:
    """Return ECE and reliability points as plain values."""
    if found.n < minimum:
        return {"ece": None, "n": found.n, "points": []}
    return {"ece": found.ece, "n": found.n, "points": [asdict(point) for point in found.points]}


def losses_of_shares(name: str, shares: Floats) -> Floats:
    """Return the `log_loss` or `brier` of saying the class shares, by what happened, [classes].

    The shares are the window's own: this baseline knows afterwards how often each class came.
    """
    if name == "log_loss":
        return np.array([-math.log(share) if share > 0 else 0.0 for share in shares])
    # Σ(p - happened)² where class c happened: Σp² - 2·p_c + 1.
    brier: Floats = (shares**2).sum() - 2 * shares + 1
    return brier
