"""Is one model better than another? A test that overlapping outcomes do not fool.

The intervals are those of the ledger's record: `predictions.accuracy.intervals`.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.regression.linear_model import OLS

from predictions.accuracy.intervals import (
    BLOCK_MS,
    Estimate,
    Floats,
    Integers,
    ratio_estimate,
    share_estimate,
    skill_estimate,
    time_blocks,
)

__all__ = [
    "BLOCK_MS",
    "Comparison",
    "Estimate",
    "diebold_mariano",
    "ratio_estimate",
    "share_estimate",
    "skill_estimate",
    "time_blocks",
]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Diebold-Mariano: is the model's loss smaller than the baseline's on the same decisions?

    gain: mean loss of the baseline - mean loss of the model; p: one-sided, None where the
    losses are identical or too few.
    """

    gain: float
    statistic: float | None
    p: float | None
    n: int


def diebold_mariano(
    model_losses: Floats,
    baseline_losses: Floats,
    decided_ms: Integers,
    *,
    step_ms: int,
    lags: int,
) -> Comparison:
    """Test H0: no smaller expected loss, with a HAC variance (Bartlett, `lags` steps).

    The variance is itself an estimate, and the more lags the rougher: the statistic is held
    against Student's t with n / (lags + 1) degrees of freedom. With lags of six horizons that
    keeps the test's size on overlapping outcomes; with one horizon's and the normal law, chance
    alone gives "p < 0.01" in 2-3 % of runs (docs/adr/0032).
    Losses of one time are averaged over symbols first. Stretches with a gap between them are
    separate panels: no covariance is taken across a gap.
    """
    times, place = np.unique(decided_ms, return_inverse=True)
    gains = np.bincount(place, baseline_losses - model_losses) / np.bincount(place)
    n = len(gains)
    gain = float(gains.mean()) if n else float("nan")
    if n <= lags + 1 or float(np.ptp(gains)) == 0.0:
        return Comparison(gain, None, None, n)
    stretches = np.concatenate([[0], np.cumsum(np.diff(times) > lags * step_ms)])
    reach = min(lags, int(np.bincount(stretches).max()) - 1)
    if not reach:  # no two rows belong together, and statsmodels wants a panel that has two
        stretches = np.zeros(n, dtype=np.int64)
    # Within a stretch absent ticks are few; the lag is counted in rows, as statsmodels does.
    fitted = OLS(gains, np.ones(n)).fit(
        cov_type="hac-panel",
        cov_kwds={"groups": stretches, "maxlags": reach, "use_correction": "hac"},
    )
    # Around its own mean a series looks less persistent than it is, the more so the more lags.
    error = float(np.asarray(fitted.bse)[0]) * math.sqrt((n - 1) / (n - lags - 1))
    if not np.isfinite(error) or error <= 0:
        return Comparison(gain, None, None, n)
    statistic = gain / error
    return Comparison(gain, statistic, float(stats.t.sf(statistic, _freedom(n, lags))), n)


def _freedom(n: int, lags: int) -> float:
    # With these Student's t is, at 1 %, within 0.02 of the fixed-b limit of a Bartlett variance.
    return min(n - 1.0, n / (lags + 1))
