"""Which decisions teach, calibrate and judge forecasters; one set of splits for every model.

Read by the protocol, the trainer and the search.
"""

from dataclasses import dataclass

from market.hot.vector import HORIZON_MS
from training.decisions import Decisions
from training.splits import Split, split_at, walk_forward

FIRST_TEST = 0.4
FINAL_TEST = 0.8
FOLDS = 4
CALIBRATION_SHARE = 0.25
EMBARGO_MS = HORIZON_MS


@dataclass(frozen=True, slots=True)
class ForecastSplits:
    """Four expanding folds whose tests tile 40 % to 80 % of time, and the final split, whose
    test, the last 20 %, is opened once."""

    folds: tuple[Split, ...]
    final: Split


def forecast_splits(decisions: Decisions) -> ForecastSplits:
    """Split decisions by their recordings' time, purged, with an embargo of the horizon."""
    timeline = decisions.timeline
    folds = walk_forward(
        timeline,
        first=FIRST_TEST,
        last=FINAL_TEST,
        folds=FOLDS,
        calibration_share=CALIBRATION_SHARE,
        embargo_ms=EMBARGO_MS,
    )
    final = split_at(
        timeline,
        FINAL_TEST,
        1.0,
        calibration_share=CALIBRATION_SHARE,
        embargo_ms=EMBARGO_MS,
    )
    return ForecastSplits(tuple(folds), final)
