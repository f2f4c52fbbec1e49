"""Which decisions teach, calibrate and judge forecasters; one set of splits for every model.

Read by the protocol, the trainer and the search.
"""

from market.hot.vector import HORIZON_MS
from training.decisions import Decisions
from training.splits import ProtocolSplits, protocol_splits

CALIBRATION_SHARE = 0.25
EMBARGO_MS = HORIZON_MS


def forecast_splits(decisions: Decisions) -> ProtocolSplits:
    """Split decisions by their recordings' time, purged, with an embargo of the horizon."""
    return protocol_splits(
        decisions.timeline, calibration_share=CALIBRATION_SHARE, embargo_ms=EMBARGO_MS
    )
