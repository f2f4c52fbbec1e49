"""The value around which a simulated price wanders: a random walk with stochastic volatility.

It is a function of the time of day and the seed, so that a market that is started again goes
on at about the price at which it was left, and it is anchored at each midnight (UTC) near the
start price, so that years of it stay sane.
"""

import numpy as np

DAY_MS = 86_400_000
STEP_SECONDS = 4
STEPS = 86_400 // STEP_SECONDS
VOLATILITY_STEPS = 60 // STEP_SECONDS
"""Volatility changes once a minute."""

VOLATILITY_MEMORY_MINUTES = 40.0
VOLATILITY_OF_VOLATILITY = 0.22
LARGEST_LOG_VOLATILITY = 0.45

DAILY_ANCHOR = 0.02
"""Standard deviation of ln(midnight value ÷ start price)."""

_PATH, _ANCHOR = 0, 1


class FundamentalValue:
    """ln(value ÷ start price) of one symbol at any time; holds one day at a time."""

    def __init__(self, entropy: tuple[int, ...], volatility_bp: float) -> None:
        self._entropy = entropy
        self._step_sd = volatility_bp * 1e-4 * STEP_SECONDS**0.5
        self._day = -1
        self._path = np.zeros(STEPS + 1, np.float32)

    def at(self, time_ms: float) -> float:
        """Return the log deviation at a time since the epoch, linear between 4-s steps."""
        day, within_ms = divmod(time_ms, DAY_MS)
        if day != self._day:
            self._day = int(day)
            self._path = self._day_path(self._day)
        step, part = divmod(within_ms / (STEP_SECONDS * 1e3), 1.0)
        before, after = self._path[int(step) : int(step) + 2].tolist()
        return float(before + (after - before) * part)

    def _day_path(self, day: int) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
        rng = np.random.default_rng((*self._entropy, day, _PATH))
        minutes = STEPS // VOLATILITY_STEPS
        keep = np.exp(-1 / VOLATILITY_MEMORY_MINUTES)
        shocks = rng.standard_normal(minutes) * np.sqrt(1 - keep**2)
        level = rng.standard_normal()
        log_volatility = np.empty(minutes)
        for minute, shock in enumerate(shocks.tolist()):
            level = keep * level + shock
            log_volatility[minute] = level
        log_volatility = np.clip(
            log_volatility * VOLATILITY_OF_VOLATILITY,
            -LARGEST_LOG_VOLATILITY,
            LARGEST_LOG_VOLATILITY,
        )
        scale = self._step_sd * np.exp(log_volatility).repeat(VOLATILITY_STEPS)
        path = np.zeros(STEPS + 1)
        np.cumsum(rng.standard_normal(STEPS) * scale, out=path[1:])
        # Pinned at both midnights: a Brownian bridge between two anchors.
        start, end = self._anchor(day), self._anchor(day + 1)
        path += start + np.linspace(0.0, 1.0, STEPS + 1) * (end - start - path[-1])
        return path.astype(np.float32)

    def _anchor(self, day: int) -> float:
        rng = np.random.default_rng((*self._entropy, day, _ANCHOR))
        return float(np.clip(rng.standard_normal(), -2.5, 2.5)) * DAILY_ANCHOR
