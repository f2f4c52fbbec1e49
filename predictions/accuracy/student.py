"""Quantiles of Student's t without SciPy, which no serving process imports.

Read by `predictions.accuracy.intervals`.
"""

import math
from functools import lru_cache
from statistics import NormalDist

SERIES_UP_TO = 400
"""Degrees of freedom up to which the finite series is summed; beyond, the expansion is exact."""
_HALVINGS = 80


@lru_cache(maxsize=4096)
def t_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t, to 1e-9.

    Raises ValueError where probability is not inside (0, 1) or freedom is below 1.
    """
    if not 0 < probability < 1 or freedom < 1:
        raise ValueError(f"no quantile {probability} of t with {freedom} degrees of freedom")
    if probability < 0.5:
        return -t_quantile(1 - probability, freedom)
    if freedom > SERIES_UP_TO:
        return _expanded(NormalDist().inv_cdf(probability), freedom)
    # In the angle whose tangent is t/√freedom the whole line is (0, π/2): halve that.
    low, high, wanted = 0.0, math.pi / 2, 2 * probability - 1
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _within(middle, freedom) < wanted:
            low = middle
        else:
            high = middle
    return math.tan(low) * math.sqrt(freedom)


def _within(angle: float, freedom: int) -> float:
    # P(|t| <= √freedom·tan angle). Source: Abramowitz & Stegun 26.7.3 and 26.7.4.
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = freedom % 2
    term = total = cosine if odd else 1.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    if not odd:
        return sine * total
    return 2 / math.pi * (angle + (sine * total if freedom > 1 else 0.0))


def _expanded(z: float, freedom: int) -> float:
    # Source: Abramowitz & Stegun 26.7.5; what is left out is below 1e-10 from 400 on.
    square = z * z
    first = z * (square + 1) / 4
    second = z * ((5 * square + 16) * square + 3) / 96
    third = z * (((3 * square + 19) * square + 17) * square - 15) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
