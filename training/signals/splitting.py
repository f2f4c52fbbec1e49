"""Which decisions teach, calibrate and judge signal models; one set of splits for every model."""

import math
from dataclasses import dataclass

from inference.signals.levels import HORIZON_CANDLES
from market.candles.indicators import CANDLES_NEEDED
from training.signals.datasets import SignalDataset
from training.splits import Split, split_at, walk_forward

FIRST_TEST = 0.4
FINAL_TEST = 0.8
FOLDS = 4
CALIBRATION_SHARE = 0.2
"""Of what came before a test, its later part: what calibrates is later than what teaches."""


@dataclass(frozen=True, slots=True)
class SignalSplits:
    """Four expanding folds whose tests tile 40 % to 80 % of time, and the final split.

    The final split's test, the last 20 %, is opened once, after every choice was made. What is
    shipped was fitted on the final split's `fit` and calibrated on its `calibrate` rows.
    """

    folds: tuple[Split, ...]
    final: Split


def signal_splits(dataset: SignalDataset) -> SignalSplits:
    """Split a dataset by time, purged by the labels' ends, with an embargo of the horizon."""
    embargo_ms = HORIZON_CANDLES * dataset.timeframe.ms
    timeline = dataset.timeline
    folds = walk_forward(
        timeline,
        first=FIRST_TEST,
        last=FINAL_TEST,
        folds=FOLDS,
        calibration_share=CALIBRATION_SHARE,
        embargo_ms=embargo_ms,
    )
    final = split_at(
        timeline,
        FINAL_TEST,
        1.0,
        calibration_share=CALIBRATION_SHARE,
        embargo_ms=embargo_ms,
    )
    return SignalSplits(tuple(folds), final)


def candles_for(rows: int, coins: int) -> int:
    """Return about how many candles of each coin let the first fold learn from `rows` decisions,
    and calibrate on one time at the least.

    A decision takes the CANDLES_NEEDED candles that end with its own, and the horizon after it.
    """
    purged = 2 * HORIZON_CANDLES
    parts = ((math.ceil(rows / coins), 1 - CALIBRATION_SHARE), (1, CALIBRATION_SHARE))
    decisions = max(math.ceil((each + purged + 1) / (FIRST_TEST * share)) for each, share in parts)
    return decisions + CANDLES_NEEDED - 1 + HORIZON_CANDLES
