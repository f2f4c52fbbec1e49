"""Random numbers one at a time, drawn from NumPy in blocks: a call costs tens of nanoseconds."""

from collections.abc import Callable, Iterator

import numpy as np

BLOCK = 4_096


class Draws:
    """Three independent streams. Each is a function of no argument that returns a float.

    uniform: in [0, 1). exponential: mean 1. normal: mean 0, variance 1.
    """

    def __init__(self, *entropy: int) -> None:
        self.uniform: Callable[[], float]
        self.exponential: Callable[[], float]
        self.normal: Callable[[], float]
        # A generator for each stream: how far one has been read never moves another.
        uniform, exponential, normal = map(
            np.random.default_rng, np.random.SeedSequence(entropy).spawn(3)
        )
        self.uniform = _one_by_one(uniform.random).__next__
        self.exponential = _one_by_one(exponential.standard_exponential).__next__
        self.normal = _one_by_one(normal.standard_normal).__next__


def _one_by_one(
    draw: Callable[[int], "np.ndarray[tuple[int], np.dtype[np.float64]]"],
) -> Iterator[float]:
    while True:
        yield from draw(BLOCK).tolist()
