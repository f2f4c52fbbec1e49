"""How R multiples are spread: counts by bins of a quarter of R. Read by `predictions.accuracy`."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WIDTH = 0.25
REACH = 3.0
"""The first and the last bin hold whatever lies beyond."""
CENTRES = np.arange(-REACH, REACH + WIDTH / 2, WIDTH)
"""Bins lie about these, so that a stop-loss (-1 R) and a target (+1 R) are inside of one."""


def r_distribution(before: Floats, after_fees: Floats, minimum: int) -> dict[str, Any]:
    """Return counts of R before and after fees [n, NaN = none]; no bins under the minimum n."""
    counts = {"before": _counts(before), "after_fees": _counts(after_fees)}
    n = {name: int(found.sum()) for name, found in counts.items()}
    bins = [
        {"r": float(centre)} | {name: int(found[index]) for name, found in counts.items()}
        for index, centre in enumerate(CENTRES)
    ]
    return {
        "width": WIDTH,
        "n": n["before"],
        "n_after_fees": n["after_fees"],
        "bins": bins if n["before"] >= minimum else None,
    }


def _counts(values: Floats) -> npt.NDArray[np.int64]:
    known = np.clip(values[~np.isnan(values)], -REACH, REACH)
    places = np.round((known + REACH) / WIDTH).astype(np.int64)
    counts: npt.NDArray[np.int64] = np.bincount(places, minlength=len(CENTRES))
    return counts
