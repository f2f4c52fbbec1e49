"""The specification's confidence rule: data quality, not a probability of being right."""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BASE = 0.8
LOWEST, HIGHEST = 0.1, 1.0
STALE_CONFIDENCE = 0.3
TREND_CONFIDENCE = 0.1
ERROR_CONFIDENCE = 0.0

AGING_MS = 2_000.0
HIGH_VOLATILITY = 0.01
WIDE_SPREAD_BP = 10.0


def confidence(
    age_ms: Floats, completeness: Floats, volatility_bp: Floats, spread_bp: Floats
) -> Floats:
    """Return the confidence of model forecasts, 0.1…1, one a row.

    volatility_bp: RMS of 1-s returns in bp per √s.
    """
    # The specification's volatility is a fraction: 0.01 is a move of 1 % over the horizon.
    volatile = volatility_bp > HIGH_VOLATILITY * 1e4 / math.sqrt(10.0)
    result = BASE * completeness
    result *= np.where(age_ms > AGING_MS, 0.9, 1.0)
    result *= np.where(volatile, 0.85, 1.0)
    result *= np.where(spread_bp > WIDE_SPREAD_BP, 0.9, 1.0)
    return np.minimum(np.maximum(result, LOWEST), HIGHEST)
