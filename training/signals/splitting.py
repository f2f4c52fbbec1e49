"""Which decisions teach, calibrate and judge signal models; one set of splits for every model."""

import math

from inference.signals.levels import HORIZON_CANDLES
from market.candles.indicators import CANDLES_NEEDED
from training.signals.datasets import SignalDataset
from training.splits import FIRST_TEST, ProtocolSplits, protocol_splits

CALIBRATION_SHARE = 0.2
"""Of what came before a test, its later part: what calibrates is later than what teaches."""


def signal_splits(dataset: SignalDataset) -> ProtocolSplits:
    """Split a dataset by time, purged by the labels' ends, with an embargo of the horizon."""
    return protocol_splits(
        dataset.timeline,
        calibration_share=CALIBRATION_SHARE,
        embargo_ms=HORIZON_CANDLES * dataset.timeframe.ms,
    )


def candles_for(rows: int, coins: int) -> int:
    """Return about how many candles of each coin let the first fold learn from `rows` decisions,
    and calibrate on one time at the least.

    A decision takes the CANDLES_NEEDED candles that end with its own, and the horizon after it.
    """
    purged = 2 * HORIZON_CANDLES
    parts = ((math.ceil(rows / coins), 1 - CALIBRATION_SHARE), (1, CALIBRATION_SHARE))
    decisions = max(math.ceil((each + purged + 1) / (FIRST_TEST * share)) for each, share in parts)
    return decisions + CANDLES_NEEDED - 1 + HORIZON_CANDLES
