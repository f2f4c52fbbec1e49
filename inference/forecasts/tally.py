"""The loop's own record of how its forecasts turn out, by the ledger's arithmetic.

It feeds the interval correction and the `inference_rolling_*` metrics. The record that counts
is the recorder's; a test holds the two equal.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.forecasts.entry import TickEntry
from inference.forecasts.outcomes import grade
from inference.vocabulary import Source

Floats = npt.NDArray[np.float64]

SPOKEN_COLUMNS = ("mid_price", "predicted_price", "lower", "upper")

WINDOW_TICKS = 1_800
"""One hour of ticks of two seconds."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A tick's forecasts as they wait for their outcome, [n] each; NaN where no model spoke."""

    mid: Floats
    predicted: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True, slots=True)
class Rolling:
    """Sums over the window. Rates are None until something was counted."""

    graded: int
    directed: int
    hits: int
    bounded: int
    covered: int
    error_bp: float
    no_change_error_bp: float

    @property
    def hit_rate(self) -> float | None:
        return self.hits / self.directed if self.directed else None

    @property
    def coverage(self) -> float | None:
        return self.covered / self.bounded if self.bounded else None

    @property
    def mae_ratio(self) -> float | None:
        """Mean absolute error ÷ that of "no change"."""
        return self.error_bp / self.no_change_error_bp if self.no_change_error_bp else None


class Tally:
    """Pending forecasts by target tick, and rolling sums of those that matured."""

    def __init__(self, ticks_ahead: int) -> None:
        self._ticks_ahead = ticks_ahead
        self._pending: dict[int, Spoken] = {}
        self._sums: deque[Floats] = deque(maxlen=WINDOW_TICKS)

    def speak(self, tick: int, spoken: Spoken) -> None:
        self._pending[tick + self._ticks_ahead] = spoken

    def mature(self, tick: int, mids: Floats) -> tuple[Floats, Floats] | None:
        """Grade what this tick's mids are the outcome of.

        Returns for each row whether the lower and the upper bound was missed (1, 0, NaN for
        no label), or None where nothing was waiting.
        """
        spoken = self._pending.pop(tick, None)
        for passed in [due for due in self._pending if due < tick]:
            del self._pending[passed]  # that tick was missed; the recorder grades from `px:`
        if spoken is None:
            return None
        grades = grade(
            mid=spoken.mid,
            predicted=spoken.predicted,
            lower=spoken.lower,
            upper=spoken.upper,
            target_mid=mids,
        )
        graded = ~np.isnan(grades.error_bp)
        self._sums.append(
            np.array(
                [
                    graded.sum(),
                    (~np.isnan(grades.direction_hit)).sum(),
                    np.nansum(grades.direction_hit),
                    (~np.isnan(grades.covered)).sum(),
                    np.nansum(grades.covered),
                    np.abs(grades.error_bp[graded]).sum(),
                    np.abs(grades.no_change_error_bp[graded]).sum(),
                ]
            )
        )
        labelled = ~np.isnan(grades.covered)
        with np.errstate(invalid="ignore"):
            low = np.where(labelled, (mids < spoken.lower).astype(np.float64), np.nan)
            high = np.where(labelled, (mids > spoken.upper).astype(np.float64), np.nan)
        return low, high

    def rolling(self) -> Rolling:
        sums = np.sum(self._sums, axis=0) if self._sums else np.zeros(7)
        graded, directed, hits, bounded, covered = (int(value) for value in sums[:5])
        return Rolling(graded, directed, hits, bounded, covered, float(sums[5]), float(sums[6]))

    def clear(self) -> None:
        self._pending.clear()
        self._sums.clear()


def spoken_by_model(entry: TickEntry) -> Spoken:
    """Return what of an entry was the model's: fallbacks teach the interval nothing."""
    by_model = np.array([source == Source.REDIS for source in entry.sources], dtype=bool)
    return Spoken(*(np.where(by_model, entry.column(name), np.nan) for name in SPOKEN_COLUMNS))
