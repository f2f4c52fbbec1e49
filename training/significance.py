"""How sure a figure is, when outcomes overlap in time and symbols move together.

A 10-second outcome every 2 seconds repeats itself five times: n is not the sample size. All
intervals resample blocks of time, every symbol of a block together.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.regression.linear_model import OLS

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

REPLICATES = 1_000
BLOCK_MS = 60_000
"""Six horizons: long enough that what overlaps a block's edge matters little."""
MINIMUM_BLOCKS = 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval and what it rests on. None = cannot be told."""

    value: float | None
    lower: float | None
    upper: float | None
    n: int
    n_eff: float | None
    blocks: int


def time_blocks(decided_ms: Integers, block_ms: int = BLOCK_MS) -> Integers:
    """Return a block number for each decision: same stretch of time, same block.

    Symbols that were decided at the same time share a block, so they are resampled together.
    """
    blocks: Integers = np.unique(decided_ms // block_ms, return_inverse=True)[1].astype(np.int64)
    return blocks


def ratio_estimate(
    numerators: Floats,
    denominators: Floats,
    blocks: Integers,
    *,
    overlap: float,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate Σ numerators / Σ denominators with a block-bootstrap interval.

    A mean is the ratio with denominators of 1; a hit rate, a coverage, 1 - R² and an MAE ratio
    are ratios too. The interval is value ± t·SE: SE from resampled blocks, Student's t with
    blocks - 1 degrees of freedom, because percentiles of a few blocks are too narrow.
    overlap: decisions a horizon, 5 for 10 s every 2 s; n_eff is never above n / overlap.
    """
    n = len(numerators)
    total = float(denominators.sum())
    if not n or not total:
        return Estimate(None, None, None, n, None, 0)
    value = float(numerators.sum()) / total
    above = np.bincount(blocks, numerators)
    below = np.bincount(blocks, denominators)
    present = np.bincount(blocks) > 0
    above, below = above[present], below[present]
    count = len(above)
    if count < MINIMUM_BLOCKS:
        return Estimate(value, None, None, n, None, count)
    draws = _draws(count, seed)
    resampled_below = draws @ below
    usable = resampled_below > 0
    replicates = (draws[usable] @ above) / resampled_below[usable]
    # Resampling m blocks with replacement shrinks the variance by (m - 1)/m.
    error = float(np.std(replicates)) * math.sqrt(count / (count - 1))
    reach = float(stats.t.ppf(0.5 + level / 2, count - 1)) * error
    independent = _independent_error(numerators, denominators, value)
    n_eff = None
    if error > 0:
        n_eff = min(n * (independent / error) ** 2, n / overlap)
    return Estimate(value, value - reach, value + reach, n, n_eff, count)


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
    # Within a stretch absent ticks are few; the lag is counted in rows, as statsmodels does.
    fitted = OLS(gains, np.ones(n)).fit(
        cov_type="hac-panel",
        cov_kwds={"groups": stretches, "maxlags": lags, "use_correction": "hac"},
    )
    error = float(np.asarray(fitted.bse)[0])
    if not np.isfinite(error) or error <= 0:
        return Comparison(gain, None, None, n)
    statistic = gain / error
    return Comparison(gain, statistic, float(stats.t.sf(statistic, n - 1)), n)


@lru_cache(maxsize=64)
def _draws(blocks: int, seed: int) -> Floats:
    # How often each block is drawn, [replicates, blocks]; float64 for the products to come.
    counts = np.random.default_rng(seed).multinomial(blocks, [1 / blocks] * blocks, REPLICATES)
    return counts.astype(np.float64)


def _independent_error(numerators: Floats, denominators: Floats, value: float) -> float:
    # Standard error of the ratio if every row were independent (linearised).
    residuals = numerators - value * denominators
    return float(np.sqrt((residuals**2).sum())) / float(denominators.sum())
