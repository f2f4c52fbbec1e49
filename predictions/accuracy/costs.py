"""The record scored again for the asker's own costs: fee, slippage, and how late they enter.

Read by `/api/accuracy`, through `signal_costs` and `forecast_costs`. Nothing is stored; what
loses money after costs is told as such.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from predictions.accuracy.figures import figure
from predictions.accuracy.intervals import Estimate, ratio_estimate, time_blocks
from predictions.grading.signals import LATEST_ENTRY_MS

FIGURES = ("before", "median", "total", "share_positive")
"""What is told beside the mean, from the minimum n on as well."""
UNKNOWN = frozenset({"path_too_coarse", "no_price"})
"""Why it cannot be told whether a trade was entered, or at what price."""

Floats = npt.NDArray[np.float64]


class CostsError(ValueError):
    """A cost is out of its range; the message names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Costs:
    """fee_bp and slippage_bp: of each side, entry and exit. latency_ms: from decision to entry.

    Raises CostsError.
    """

    fee_bp: float
    latency_ms: int = 0
    slippage_bp: float = 0.0

    def __post_init__(self) -> None:
        bounds = {"fee_bp": 1_000, "slippage_bp": 1_000, "latency_ms": LATEST_ENTRY_MS}
        for name, most in bounds.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= most):
                raise CostsError(f"{name} must be a number from 0 to {most}, not {value}")

    @property
    def side_bp(self) -> float:
        """Return what one side costs."""
        return self.fee_bp + self.slippage_bp


@dataclass(frozen=True, slots=True)
class Bill:
    """What remains after costs, `unit` a trade (`R` or `bp`).

    considered: graded predictions with a direction, the newest `most` of them where `limited`.
    missed: how many could not be entered, by why; unknown: of how many that cannot be told.
    mean: of those entered, each once, with its interval; mean.n is their number. before: the
    mean of the same trades without fee and slippage. None where nothing was entered.
    """

    unit: str
    considered: int
    limited: bool
    most: int
    missed: Mapping[str, int]
    unknown: Mapping[str, int]
    mean: Estimate
    before: float | None
    median: float | None
    total: float | None
    share_positive: float | None


def bill(
    unit: str,
    before: Floats,
    after: Floats,
    *,
    decided_ms: Sequence[int],
    block_ms: int,
    overlap: float,
    refused: Counter[str],
    limited: bool,
    most: int,
) -> Bill:
    """Sum up trades [n] before and after costs; refused: how many were not entered, by why."""
    n = len(after)
    blocks = time_blocks(np.array(decided_ms, dtype=np.int64), block_ms)
    return Bill(
        unit=unit,
        considered=n + refused.total(),
        limited=limited,
        most=most,
        missed={why: count for why, count in refused.items() if why not in UNKNOWN},
        unknown={why: count for why, count in refused.items() if why in UNKNOWN},
        mean=ratio_estimate(after, np.ones(n), blocks, overlap=overlap),
        before=float(before.mean()) if n else None,
        median=float(np.median(after)) if n else None,
        total=float(after.sum()) if n else None,
        share_positive=float((after > 0).mean()) if n else None,
    )


def told_costs(costs: Costs, scored: Bill, minimum: int) -> dict[str, Any]:
    """Return costs and bill as plain values; under the minimum n of entered trades no figure."""
    told = asdict(costs) | asdict(scored) | {"mean": figure(scored.mean, minimum)}
    return told if scored.mean.n >= minimum else told | dict.fromkeys(FIGURES)
