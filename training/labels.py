"""What a forecast should have said: the mid 10 s later, and which way it went."""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

TARGET_LIMIT = 6.0
"""Networks are trained on the move in units of its expected size, clipped here."""


class Direction(IntEnum):
    """Class labels, in the order of p_up, p_flat, p_down in a forecast."""

    UP = 0
    FLAT = 1
    DOWN = 2


def forward_returns_bp(mids: Floats, steps: int) -> Floats:
    """Return 1e4·ln(mid[i+steps] / mid[i]) for each i.

    mids: [n] on an unbroken axis, NaN where the book was not fresh. NaN where the future is
    not known yet, or where any mid from i to i+steps is void: the sequence broke in between.
    """
    count = len(mids)
    returns = np.full(count, np.nan)
    if count <= steps:
        return returns
    voids = np.concatenate([[0], np.cumsum(~(mids > 0))])
    unbroken = voids[steps + 1 :] == voids[: count - steps]
    starts = np.flatnonzero(unbroken)
    returns[starts] = 1e4 * np.log(mids[starts + steps] / mids[starts])
    return returns


def expected_move_bp(sigma: Floats, horizon_seconds: float) -> Floats:
    """Return sigma·√h: the size of an ordinary move over the horizon, in bp."""
    move: Floats = sigma * np.sqrt(horizon_seconds)
    return move


def normalised_targets(returns_bp: Floats, moves_bp: Floats) -> Floats:
    """Return clip(y / (sigma·√h), ±6); void (NaN) where sigma = 0."""
    safe = np.where(moves_bp > 0, moves_bp, np.nan)
    return np.clip(returns_bp / safe, -TARGET_LIMIT, TARGET_LIMIT)


def directions(returns_bp: Floats) -> Integers:
    """Return the Direction of each move; flat is a mid exactly unchanged."""
    return np.where(
        returns_bp > 0, Direction.UP, np.where(returns_bp < 0, Direction.DOWN, Direction.FLAT)
    ).astype(np.int64)
