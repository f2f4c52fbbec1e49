"""The value around which a simulated price wanders: a random walk with stochastic volatility.

It is a function of the time of day and the seed, so that a market that is started again goes
on at about the price at which it was left, and it is anchored at each midnight (UTC) near the
start price, so that years of it stay sane.
"""

import math

import numpy as np

HOUR_MS = 3_600_000
HOURS = 24
DAY_MS = HOURS * HOUR_MS
STEP_MS = 250
STEPS = HOUR_MS // STEP_MS
MINUTES = 60
STEPS_A_MINUTE = STEPS // MINUTES

VOLATILITY_MEMORY_MINUTES = 40.0
VOLATILITY_OF_VOLATILITY = 0.2
LARGEST_LOG_VOLATILITY = 0.4
"""Volatility changes each minute; its logarithm reverts to 0 and stays within this."""

DAILY_ANCHOR = 0.02
"""Standard deviation of ln(midnight value ÷ start price)."""

_DAY, _ANCHOR, _HOUR = 0, 1, 2

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


class FundamentalValue:
    """ln(value ÷ start price) of one symbol at any time; holds one day's hours and one hour."""

    def __init__(self, entropy: tuple[int, ...], volatility_bp: float) -> None:
        self._entropy = entropy
        self._step_variance = (volatility_bp * 1e-4) ** 2 * STEP_MS / 1e3
        self._day = self._hour = -1
        self._nodes = self._relative_variance = self._path = np.zeros(0)

    def at(self, time_ms: int) -> float:
        """Return the log deviation at a time since the epoch, linear between 250-ms steps."""
        hour, within_ms = divmod(time_ms, HOUR_MS)
        if hour != self._hour:
            self._open_hour(hour)
        step, part_ms = divmod(within_ms, STEP_MS)
        before, after = self._path[step : step + 2].tolist()
        return float(before + (after - before) * part_ms / STEP_MS)

    def _open_hour(self, hour: int) -> None:
        day, of_day = divmod(hour, HOURS)
        if day != self._day:
            self._open_day(day)
        rng = np.random.default_rng((*self._entropy, hour, _HOUR))
        minutes = self._relative_variance[of_day * MINUTES : (of_day + 1) * MINUTES]
        variances = self._step_variance * minutes.repeat(STEPS_A_MINUTE)
        self._path = _bridge(rng, variances, self._nodes[of_day], self._nodes[of_day + 1])
        self._hour = hour

    def _open_day(self, day: int) -> None:
        rng = np.random.default_rng((*self._entropy, day, _DAY))
        level = rng.standard_normal()
        keep = math.exp(-1 / VOLATILITY_MEMORY_MINUTES)
        log_volatility = []
        for shock in (rng.standard_normal(HOURS * MINUTES) * math.sqrt(1 - keep**2)).tolist():
            level = keep * level + shock
            log_volatility.append(VOLATILITY_OF_VOLATILITY * level)
        bound = LARGEST_LOG_VOLATILITY
        self._relative_variance = np.exp(2 * np.clip(log_volatility, -bound, bound))
        hours = self._relative_variance.reshape(HOURS, MINUTES).sum(axis=1)
        variances = self._step_variance * STEPS_A_MINUTE * hours
        self._nodes = _bridge(rng, variances, self._anchor(day), self._anchor(day + 1))
        self._day = day

    def _anchor(self, day: int) -> float:
        rng = np.random.default_rng((*self._entropy, day, _ANCHOR))
        return float(np.clip(rng.standard_normal(), -2.5, 2.5)) * DAILY_ANCHOR


def _bridge(rng: np.random.Generator, variances: Floats, start: float, end: float) -> Floats:
    walk = np.concatenate(([0.0], np.cumsum(rng.standard_normal(variances.size) * variances**0.5)))
    passed = np.concatenate(([0.0], np.cumsum(variances)))
    # A random walk that is known to end at `end`; the correction grows with variance passed.
    bridge: Floats = start + walk + passed / passed[-1] * (end - start - walk[-1])
    return bridge
