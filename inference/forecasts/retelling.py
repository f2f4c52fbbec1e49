"""What a tick read, out of the entry that tells of it.

Read by the shadows, which decide on the very features of the leader's entry, and by the audit.
"""

import numpy as np
import numpy.typing as npt

from inference.forecasts.entry import TickEntry
from inference.forecasts.reading import REQUIRED, HotReading
from inference.vocabulary import Reason

SAID_OF_MODELS = frozenset(
    {
        Reason.NONE,
        Reason.TOO_SLOW,
        Reason.BELOW_THRESHOLD,
        Reason.MODEL_MISSING,
        Reason.MODEL_ERROR,
        Reason.NO_PRICE,
    }
)
"""Reasons that the speaker's own model gave: of the features they say nothing."""


def reading_of(entry: TickEntry) -> HotReading:
    """Return the reading that an entry was made from; its arrays may not be written to.

    Raises ValueError for a reason that this version does not know.
    """
    mids = entry.column("mid_price")
    reasons = [Reason(reason) for reason in entry.reasons]
    void: npt.NDArray[np.bool_] = np.isnan(entry.features[:, REQUIRED])
    whole = np.logical_not(void.any(axis=1))
    believed = np.array([reason in SAID_OF_MODELS for reason in reasons], dtype=bool)
    usable = believed & whole
    for row in np.flatnonzero(believed):
        # A trend that stands in for a missing model hides that no model could have answered.
        reasons[row] = Reason.NONE if whole[row] else Reason.INCOMPLETE_FEATURES
    return HotReading(
        features=entry.features,
        age_ms=entry.column("features_age_ms"),
        completeness=entry.column("completeness"),
        feature_ts_ms=entry.column("feature_ts_ms"),
        event_ts_ms=entry.column("event_ts_ms"),
        exchange_ts_ms=entry.column("exchange_ts_ms"),
        mid=mids,
        usable=usable,
        reasons=reasons,
    )
