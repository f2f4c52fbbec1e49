"""When market orders arrive, and on which side: a bivariate Hawkes process, or Poisson.

Source of the simulation: Ogata's thinning (1981), exact for an exponential kernel.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from market.feeds.simulated.draws import Draws

Flow = Literal["hawkes", "poisson"]
FLOWS: tuple[Flow, ...] = ("hawkes", "poisson")


class ArrivalError(ValueError):
    """Parameters under which the process is not defined or explodes; names them."""


@dataclass(frozen=True, slots=True)
class HawkesParameters:
    """Symmetric in buys and sells.

    baseline: orders per second and side that nothing has caused. own, other: orders that one
    order causes on its own side and on the other (the branching matrix is
    [[own, other], [other, own]]). decay: of the exponential kernel, per second.
    Raises ArrivalError where they are out of range or the process would not be stationary.
    """

    baseline: float
    own: float
    other: float
    decay: float

    def __post_init__(self) -> None:
        for name in ("baseline", "decay"):
            if not 0 < getattr(self, name) < math.inf:
                raise ArrivalError(f"{name} must be positive and finite")
        for name in ("own", "other"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ArrivalError(f"{name} must be finite and not negative")
        # The branching matrix's spectral radius.
        if self.own + self.other >= 1:
            raise ArrivalError(
                f"own + other must be below 1 (is {self.own + self.other:g}): "
                "each order would cause one more on average, without end"
            )

    @property
    def mean_rate(self) -> float:
        """Orders per second and side in the long run."""
        return self.baseline / (1 - self.own - self.other)


def hawkes_arrivals(parameters: HawkesParameters, draws: Draws) -> Iterator[tuple[float, bool]]:
    """Yield (seconds since the beginning, is a buy) without end, in order of time."""
    baseline, decay = parameters.baseline, parameters.decay
    own, other = parameters.own * decay, parameters.other * decay
    uniform, exponential = draws.uniform, draws.exponential
    # It begins in its long-run mean, not in a lull.
    buys = sells = parameters.mean_rate - baseline
    now = 0.0
    while True:
        bound = 2 * baseline + buys + sells
        wait = exponential() / bound
        now += wait
        faded = math.exp(-decay * wait)
        buys *= faded
        sells *= faded
        pick = uniform() * bound
        if pick < baseline + buys:
            buys += own
            sells += other
            yield now, True
        elif pick < 2 * baseline + buys + sells:
            buys += other
            sells += own
            yield now, False


def poisson_arrivals(rate: float, draws: Draws) -> Iterator[tuple[float, bool]]:
    """Yield (seconds since the beginning, is a buy); `rate` is per second and side."""
    if not 0 < rate < math.inf:
        raise ArrivalError("rate must be positive and finite")
    now = 0.0
    while True:
        now += draws.exponential() / (2 * rate)
        yield now, draws.uniform() < 0.5
