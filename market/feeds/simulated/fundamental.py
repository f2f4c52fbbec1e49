"""The value around which a simulated price wanders: a random walk with stochastic volatility.

It is a function of the time and the seed alone, so that a market that is started again goes
on at about the price at which it was left, and the same past can be told at any time
(`history`). Midnights (UTC) are drawn first, then a day's minutes between them, then the steps
of 250 ms between minutes; over years it stays near the start price.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from market.candles.series import Floats

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MINUTE_MS = 60_000
STEP_MS = 250
STEPS_A_MINUTE = MINUTE_MS // STEP_MS
MINUTES_A_HOUR = 60
MINUTES_A_DAY = DAY_MS // MINUTE_MS

VOLATILITY_MEMORY_MINUTES = 40.0
VOLATILITY_OF_VOLATILITY = 0.3
DAILY_VOLATILITY = 0.3
LARGEST_LOG_VOLATILITY = 0.8
"""Volatility changes each minute, and from day to day; its logarithm reverts to 0 and stays
within this."""

LEVEL_DAYS = tuple(2**octave for octave in range(8))
VOLATILITY_DAYS = (2, 8, 32)
"""Slow movements are sums of noises that turn every so many days."""

LARGEST_NOISE = 2.5

_DAY, _LEVEL, _VOLATILITY, _HOUR = 0, 1, 2, 3

_KEEP = math.exp(-1 / VOLATILITY_MEMORY_MINUTES)
_FADING = _KEEP ** np.arange(MINUTES_A_DAY)

Entropy = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DayPath:
    """One day. nodes: [1441] ln(value ÷ start price) at each minute's begin and at the end.
    variances: [1440] of each minute. rng: for what else is drawn of this day.
    """

    nodes: Floats
    variances: Floats
    rng: np.random.Generator

    @property
    def relative_volatility(self) -> Floats:
        """Volatility of each minute ÷ the day's mean."""
        volatility = np.sqrt(self.variances)
        relative: Floats = volatility / volatility.mean()
        return relative


def day_path(entropy: Entropy, volatility_bp: float, day: int) -> DayPath:
    """Return the value's path through a day since the epoch; volatility_bp is per √second."""
    rng = np.random.default_rng((*entropy, day, _DAY))
    shocks = rng.standard_normal(MINUTES_A_DAY) * math.sqrt(1 - _KEEP**2)
    shocks[0] = rng.standard_normal()
    # An autoregression without a loop: old shocks fade by _KEEP a minute.
    level = np.cumsum(shocks / _FADING) * _FADING
    slow = np.linspace(
        _slow(entropy, _VOLATILITY, VOLATILITY_DAYS, day),
        _slow(entropy, _VOLATILITY, VOLATILITY_DAYS, day + 1),
        MINUTES_A_DAY,
    )
    log_volatility = VOLATILITY_OF_VOLATILITY * level + DAILY_VOLATILITY * slow
    bound = LARGEST_LOG_VOLATILITY
    minute_variance = (volatility_bp * 1e-4) ** 2 * MINUTE_MS / 1e3
    variances = minute_variance * np.exp(2 * np.clip(log_volatility, -bound, bound))
    # Half of a day's volatility times √days in each octave: daily moves fit the minutes' size.
    size = volatility_bp * 1e-4 * math.sqrt(DAY_MS / 1e3) / 2
    start = size * _slow(entropy, _LEVEL, LEVEL_DAYS, day)
    end = size * _slow(entropy, _LEVEL, LEVEL_DAYS, day + 1)
    nodes = _bridge(rng.standard_normal(MINUTES_A_DAY), variances, start, end)
    return DayPath(nodes, variances, rng)


class FundamentalValue:
    """ln(value ÷ start price) of one symbol at any time; holds one day's minutes, one hour."""

    def __init__(self, entropy: Entropy, volatility_bp: float) -> None:
        self._entropy = entropy
        self._volatility_bp = volatility_bp
        self._day: int | None = None
        self._hour: int | None = None
        self._minutes: DayPath
        self._path: Floats

    def at(self, time_ms: int) -> float:
        """Return the log deviation at a time since the epoch, linear between 250-ms steps."""
        hour, within_ms = divmod(time_ms, HOUR_MS)
        if hour != self._hour:
            self._open_hour(hour)
        step, part_ms = divmod(within_ms, STEP_MS)
        before, after = self._path[step : step + 2].tolist()
        return float(before + (after - before) * part_ms / STEP_MS)

    def _open_hour(self, hour: int) -> None:
        day, of_day = divmod(hour, DAY_MS // HOUR_MS)
        if day != self._day:
            self._minutes = day_path(self._entropy, self._volatility_bp, day)
            self._day = day
        rng = np.random.default_rng((*self._entropy, hour, _HOUR))
        first = of_day * MINUTES_A_HOUR
        nodes = self._minutes.nodes[first : first + MINUTES_A_HOUR + 1]
        spread = np.sqrt(self._minutes.variances[first : first + MINUTES_A_HOUR] / STEPS_A_MINUTE)
        steps = rng.standard_normal((MINUTES_A_HOUR, STEPS_A_MINUTE)) * spread[:, None]
        # Each minute must end at the next node: what it misses is spread evenly over its steps.
        steps += (np.diff(nodes) - steps.sum(axis=1))[:, None] / STEPS_A_MINUTE
        self._path = np.concatenate((nodes[:1], nodes[0] + np.cumsum(steps)))
        self._hour = hour


def _slow(entropy: Entropy, kind: int, periods: tuple[int, ...], day: int) -> float:
    total = 0.0
    for period in periods:
        node, part = divmod(day, period)
        before, after = _noise(entropy, kind, period, node), _noise(entropy, kind, period, node + 1)
        total += math.sqrt(period) * (before + (after - before) * part / period)
    return total if kind == _LEVEL else total / math.sqrt(sum(periods))


@lru_cache(maxsize=8_192)
def _noise(entropy: Entropy, kind: int, period: int, node: int) -> float:
    rng = np.random.default_rng((*entropy, node, kind, period))
    return float(np.clip(rng.standard_normal(), -LARGEST_NOISE, LARGEST_NOISE))


def _bridge(
    normals: npt.NDArray[np.float64], variances: Floats, start: float, end: float
) -> Floats:
    walk = np.concatenate(([0.0], np.cumsum(normals * np.sqrt(variances))))
    passed = np.concatenate(([0.0], np.cumsum(variances)))
    # A random walk that is known to end at `end`; the correction grows with variance passed.
    bridge: Floats = start + walk + passed / passed[-1] * (end - start - walk[-1])
    return bridge
