"""What a forecast was worth: the one arithmetic of the ledger and of the loop's own tally.

Read by the recorder's grading (`predictions.grading.forecasts`) and by the forecast loop, which
grades from the very same entries; numbers only, no database and no Redis.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.forecasts.entry import TickEntry
from inference.vocabulary import Reason

Floats = npt.NDArray[np.float64]

MAX_PRICE_AGE_MS = 5_000.0
"""A mid older than this says nothing about the price at a target."""

UNTRUSTED_MIDS = frozenset(
    {
        Reason.FEATURES_MISSING.value,
        Reason.INVALID_FEATURES.value,
        Reason.FEATURES_FROM_FUTURE.value,
        Reason.OTHER_VENUE.value,
        Reason.CROSSED_BOOK.value,
    }
)
"""Reasons under which the mid that came along may itself be what is wrong."""


@dataclass(frozen=True, slots=True)
class Grades:
    """Grades of n forecasts, float64 of one shape; NaN = unknown.

    direction_hit and covered are 1.0 or 0.0. direction_hit is NaN where the mid did not move
    or the forecast gave no direction, covered where there was no interval.
    """

    return_bp: Floats
    error_bp: Floats
    no_change_error_bp: Floats
    direction_hit: Floats
    covered: Floats


def grade(
    *,
    mid: npt.ArrayLike,
    predicted: npt.ArrayLike,
    lower: npt.ArrayLike,
    upper: npt.ArrayLike,
    target_mid: npt.ArrayLike,
) -> Grades:
    """Grade forecasts against the mid at their targets.

    All arguments are prices, scalars or arrays that broadcast together: mid at the decision,
    predicted price, interval, mid at the target. NaN, infinite and non-positive mean unknown.
    """
    was, said, came = _price(mid), _price(predicted), _price(target_mid)
    low, high = _price(lower), _price(upper)
    return_bp = 1e4 * np.log(came / was)
    given = said - was
    directed = (return_bp != 0) & (given != 0) & ~np.isnan(return_bp) & ~np.isnan(given)
    bounded = ~np.isnan(low + high + came)
    return Grades(
        return_bp=return_bp,
        error_bp=1e4 * np.log(said / came),
        no_change_error_bp=1e4 * np.log(was / came),
        direction_hit=np.where(directed, np.sign(given) == np.sign(return_bp), np.nan),
        covered=np.where(bounded, (low <= came) & (came <= high), np.nan),
    )


def usable_mids(
    mids: npt.ArrayLike, features_age_ms: npt.ArrayLike, reasons: Sequence[str]
) -> Floats:
    """Return `mids` [n] with NaN where one cannot stand for the price at its tick.

    That is where it is no price, where it is older than MAX_PRICE_AGE_MS, or where its reason
    is one of UNTRUSTED_MIDS.
    """
    age = np.asarray(features_age_ms, dtype=np.float64)
    untrusted = np.array([reason in UNTRUSTED_MIDS for reason in reasons], dtype=bool)
    return np.where(untrusted | (age > MAX_PRICE_AGE_MS), np.nan, _price(mids))


def target_mids(entry: TickEntry) -> Floats:
    """Return the mids [n] that grade the forecasts whose target is this entry's tick."""
    return usable_mids(entry.column("mid_price"), entry.column("features_age_ms"), entry.reasons)


def _price(values: npt.ArrayLike) -> Floats:
    prices = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(prices) & (prices > 0), prices, np.nan)
