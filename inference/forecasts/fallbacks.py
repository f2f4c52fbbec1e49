"""What is said where the model cannot answer: the specification's stale and trend rules.

Each function works on whole arrays and returns NaN where it has nothing to say either.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STALE_LIMIT_MS = 30_000.0
"""A model forecast older than this is not extrapolated."""


class LastForecasts:
    """The last *model* forecast of each symbol: what a stale fallback extrapolates from."""

    def __init__(self, count: int, horizon_seconds: float) -> None:
        self._predicted = np.full(count, np.nan)
        self._current = np.full(count, np.nan)
        self._made_ms = np.full(count, -np.inf)
        self._horizon_seconds = horizon_seconds

    def remember(
        self, rows: npt.NDArray[np.intp], predicted: Floats, current: Floats, now_ms: float
    ) -> None:
        self._predicted[rows] = predicted
        self._current[rows] = current
        self._made_ms[rows] = now_ms

    def extrapolate(self, now_ms: float) -> tuple[Floats, Floats]:
        """Return predicted and current prices [n], the trend carried on by the elapsed time.

        Source: the specification's fallback, with the time that passed for its fixed 2 s.
        """
        elapsed_ms = now_ms - self._made_ms
        trend = (self._predicted - self._current) / self._horizon_seconds
        known = elapsed_ms < STALE_LIMIT_MS
        # Where nothing is known the elapsed time is infinite; the mask drops the result.
        with np.errstate(invalid="ignore"):
            predicted = self._predicted + trend * elapsed_ms / 1e3
        return np.where(known, predicted, np.nan), np.where(known, self._current, np.nan)

    def forget(self) -> None:
        self._made_ms.fill(-np.inf)


class MidCache:
    """The last mids of each symbol (`feature_cache_size` of them), for the linear trend."""

    def __init__(self, size: int, count: int) -> None:
        self._times = np.full(size, np.nan)
        self._mids = np.full((size, count), np.nan)
        self._next = 0

    @property
    def size(self) -> int:
        return len(self._times)

    def add(self, now_ms: float, mids: Floats) -> None:
        self._times[self._next] = now_ms
        self._mids[self._next] = mids
        self._next = (self._next + 1) % self.size

    def trend(self, target_ms: float) -> Floats:
        """Return the mids [n] extended to target_ms by least squares; NaN under two points."""
        known = ~np.isnan(self._mids)
        count = known.sum(axis=0)
        times = np.where(known, (self._times[:, None] - target_ms) / 1e3, 0.0)
        mids = np.where(known, self._mids, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean_time, mean_mid = times.sum(axis=0) / count, mids.sum(axis=0) / count
            away = np.where(known, times - mean_time, 0.0)
            spread = (away**2).sum(axis=0)
            slope = (away * np.where(known, mids - mean_mid, 0.0)).sum(axis=0) / spread
            # Times are counted from the target, so the line's value there is its intercept.
            value = mean_mid - slope * mean_time
        return np.where((count >= 2) & (spread > 0) & (value > 0), value, np.nan)

    def shrink(self) -> int:
        """Forget all and halve the size, to two at least; return the new size."""
        size = max(2, self.size // 2)
        self.__init__(size, self._mids.shape[1])  # type: ignore[misc]  # same invariants anew
        return size
