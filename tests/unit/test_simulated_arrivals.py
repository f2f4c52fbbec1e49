"""When orders arrive in the simulated market."""

import math
from collections.abc import Iterator
from itertools import islice, pairwise

import numpy as np
import pytest

from market.feeds.simulated.arrivals import (
    ArrivalError,
    HawkesParameters,
    hawkes_arrivals,
    poisson_arrivals,
)
from market.feeds.simulated.draws import Draws


def counts(arrivals: Iterator[tuple[float, bool]], seconds: int) -> list[int]:
    found = [0] * seconds
    for at, _ in arrivals:
        if at >= seconds:
            return found
        found[int(at)] += 1
    return found


def test_hawkes_arrivals_cluster_and_keep_their_mean_rate() -> None:
    parameters = HawkesParameters(baseline=0.5, own=0.5, other=0.2, decay=3.0)
    clustered = np.array(counts(hawkes_arrivals(parameters, Draws(7)), 10_000))
    plain = np.array(counts(poisson_arrivals(parameters.mean_rate, Draws(7)), 10_000))

    for found in (clustered, plain):
        assert found.mean() == pytest.approx(2 * parameters.mean_rate, rel=0.06)
    assert plain.var() / plain.mean() == pytest.approx(1, abs=0.06)
    assert clustered.var() / clustered.mean() > 2


def test_hawkes_arrivals_follow_their_own_side() -> None:
    parameters = HawkesParameters(baseline=0.5, own=0.6, other=0.1, decay=3.0)
    sides = [buys for _, buys in islice(hawkes_arrivals(parameters, Draws(3)), 5_000)]

    assert np.mean(sides) == pytest.approx(0.5, abs=0.1)
    assert np.mean([before == after for before, after in pairwise(sides)]) > 0.55


@pytest.mark.parametrize(
    ("baseline", "own", "other", "decay", "named"),
    [
        (0.5, 0.7, 0.3, 3.0, "own \\+ other"),
        (0.5, 1.4, 0.0, 3.0, "own \\+ other"),
        (0.0, 0.5, 0.1, 3.0, "baseline"),
        (0.5, -0.1, 0.1, 3.0, "own"),
        (0.5, 0.5, math.nan, 3.0, "other"),
        (0.5, 0.5, 0.1, 0.0, "decay"),
        (math.inf, 0.5, 0.1, 3.0, "baseline"),
    ],
)
def test_hawkes_parameters_out_of_range_are_refused(
    baseline: float, own: float, other: float, decay: float, named: str
) -> None:
    with pytest.raises(ArrivalError, match=named):
        HawkesParameters(baseline, own, other, decay)
