"""How sure a figure is, when outcomes overlap in time and symbols move together.

A 10-second outcome every 2 seconds repeats itself five times: n is not the sample size. All
intervals resample blocks of time, every symbol of a block together. The sums of each block are
all they need, so a figure from roll-ups has the interval of the one from rows. Read by the
ledger's accuracy and by training.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from predictions.accuracy.student import t_quantile

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

REPLICATES = 1_000
BLOCK_MS = 60_000
"""Six horizons: long enough that what overlaps a block's edge matters little."""
MINIMUM_BLOCKS = 3
MOST_BLOCKS = 2_000
"""Beyond these neighbours are joined: more tell hardly anything more, and a month of minutes would
take gigabytes to draw."""
SEQUENCE_BLOCKS = 20
"""A sequence is told from so many blocks on: its bound rests on their sums being near normal."""
TUNED_BLOCKS = 200
"""Where a sequence is tightest, in blocks; it holds everywhere."""


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
    """Estimate Σ numerators / Σ denominators of rows [n] with a block-bootstrap interval.

    A mean is the ratio with denominators of 1; a hit rate, a coverage, 1 - R² and an MAE ratio
    are ratios too. overlap: decisions a horizon, 5 for 10 s every 2 s.
    """
    n = len(numerators)
    if not n:
        return Estimate(None, None, None, 0, None, 0)
    present = np.bincount(blocks) > 0
    return block_estimate(
        np.bincount(blocks, numerators)[present].astype(np.float64),
        np.bincount(blocks, denominators)[present].astype(np.float64),
        n=n,
        moments=(
            float(numerators @ numerators),
            float(numerators @ denominators),
            float(denominators @ denominators),
        ),
        overlap=overlap,
        seed=seed,
        level=level,
    )


def block_estimate(
    above: Floats,
    below: Floats,
    *,
    n: int,
    moments: tuple[float, float, float] | None = None,
    overlap: float = 1.0,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate Σ above / Σ below from the sums of each block [m] that holds any row, in order.

    The interval is value ± t·SE: SE from resampled blocks, Student's t with m - 1 degrees of
    freedom, because percentiles of a few blocks are too narrow. moments: Σ over the rows of
    numerator², numerator·denominator and denominator². With them SE is never below that of n
    independent rows, and n_eff, never above n / overlap, is told; without them it is None.
    """
    total = float(below.sum())
    if not n or not total:
        return Estimate(None, None, None, n, None, 0)
    value = float(above.sum()) / total
    above, below = _joined(above), _joined(below)
    count = len(above)
    if count < MINIMUM_BLOCKS:
        return Estimate(value, None, None, n, None, count)
    draws = _draws(count, seed)
    resampled_below = draws @ below
    usable = resampled_below > 0
    replicates = (draws[usable] @ above) / resampled_below[usable]
    # Resampling m blocks with replacement shrinks the variance by (m - 1)/m.
    error = float(np.std(replicates)) * math.sqrt(count / (count - 1))
    n_eff = None
    if moments is not None:
        # Outcomes that overlap tell no more than independent ones would: blocks that happen to
        # agree, as a few easily do, are no knowledge.
        independent = _independent_error(moments, value, total)
        error = max(error, independent)
        if error > 0:
            n_eff = min(n * (independent / error) ** 2, n / overlap)
    reach = t_quantile(0.5 + level / 2, count - 1) * error
    return Estimate(value, value - reach, value + reach, n, n_eff, count)


def hit_rate_sequence(
    above: Floats, below: Floats, *, level: float = 0.95
) -> tuple[float, float] | None:
    """Return bounds of Σ above / Σ below that hold at every moment at once, or None.

    For figures that people watch as they grow, and stop watching when they like: an ordinary
    interval, looked at often enough, is left by the truth at some time. above, below: the sums
    of each block [m] since the beginning, in order. None below SEQUENCE_BLOCKS blocks.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, arXiv 2103.06476 (asymptotic
    confidence sequences, mixture boundary), on the linearised ratio.
    """
    count, total = len(above), float(below.sum())
    if count < SEQUENCE_BLOCKS or not total:
        return None
    value = float(above.sum()) / total
    spread = float(np.std(above - value * below, ddof=1)) * count / total
    rarity = -2 * math.log(1 - level)
    width = (rarity + math.log(rarity) + 1) / TUNED_BLOCKS
    grown = count * width + 1
    reach = spread * math.sqrt(
        2 * grown / (count**2 * width) * (math.log(math.sqrt(grown)) + rarity / 2)
    )
    return max(0.0, value - reach), min(1.0, value + reach)


def share_estimate(estimate: Estimate) -> Estimate:
    """Return a share's estimate with its interval kept within 0 and 1."""
    if estimate.lower is None or estimate.upper is None:
        return estimate
    return replace(estimate, lower=max(0.0, estimate.lower), upper=min(1.0, estimate.upper))


def skill_estimate(loss_ratio: Estimate) -> Estimate:
    """Return 1 - a ratio of losses, interval turned round."""
    if loss_ratio.value is None:
        return loss_ratio
    lower = None if loss_ratio.upper is None else 1 - loss_ratio.upper
    upper = None if loss_ratio.lower is None else 1 - loss_ratio.lower
    return replace(loss_ratio, value=1 - loss_ratio.value, lower=lower, upper=upper)


def _joined(sums: Floats) -> Floats:
    count = len(sums)
    if count <= MOST_BLOCKS:
        return sums
    joined: Floats = np.add.reduceat(sums, np.arange(MOST_BLOCKS) * count // MOST_BLOCKS)
    return joined


@lru_cache(maxsize=16)
def _draws(blocks: int, seed: int) -> Floats:
    # How often each block is drawn, [replicates, blocks]; float64 for the products to come.
    counts = np.random.default_rng(seed).multinomial(blocks, [1 / blocks] * blocks, REPLICATES)
    return counts.astype(np.float64)


def _independent_error(moments: tuple[float, float, float], value: float, total: float) -> float:
    # Standard error of the ratio if every row were independent (linearised).
    above, cross, below = moments
    return math.sqrt(max(above - 2 * value * cross + value * value * below, 0.0)) / total
