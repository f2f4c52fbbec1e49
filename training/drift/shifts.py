"""How far a sample's distribution lies from a reference, and how far it may by chance.

PSI, the population stability index: Σ (p - q)·ln(p / q) over bins of the reference; effect: the
Kolmogorov-Smirnov distance itself, since with so many rows every p-value is tiny. PSI's usual
bounds of 0.1 and 0.25 are for independent rows: here both sides' effective sizes set them
(docs/adr/0034-drift-and-its-bounds.md).
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from predictions.accuracy.student import t_quantile
from training.drift.sketches import BLOCKS, Floats, Integers, Sketch, effective_n, shares_below

BINS = 10
LEAST_BINS = 4
ROWS_A_BIN = 8
"""Effective rows on the smaller side for each bin: fewer bins where less is known."""
MATERIAL_PSI = 0.25
MATERIAL_EFFECT = 0.1
"""A shift below these is not worth a training run, however sure it is."""
LEVEL = 0.005
"""Chance that a stationary input lies past its bound: of one input, at one look."""
CERTAINTY = (
    math.sqrt(-math.log(LEVEL / 2) / 2)
    * t_quantile(1 - LEVEL / 2, BLOCKS - 1)
    / NormalDist().inv_cdf(1 - LEVEL / 2)
)
"""Kolmogorov's quantile, widened because effective sizes are known from BLOCKS stretches alone."""


@dataclass(frozen=True, slots=True)
class Shift:
    """psi: void values are a bin of their own. effect: 0..1, of known values, or how far the share
    of void ones moved where that is more. drifted: past both bounds; None with no bound."""

    psi: float | None
    effect: float | None
    bound: float | None
    effect_bound: float | None
    drifted: bool | None
    n: int
    n_eff: float | None


def shift(reference: Sketch, values: Floats, times_ms: Integers) -> Shift:
    """Hold an input [n] of late, NaN where void, against its reference."""
    n = len(values)
    if not n or not reference.n:
        return Shift(None, None, None, None, None, n, None)
    n_eff = effective_n(values, times_ms)
    known = values[np.isfinite(values)]
    points = np.array(reference.values)
    before, now = np.array(reference.below), shares_below(known, points)
    void = 1 - len(known) / n
    effect = max(float(np.abs(now - before).max(initial=0.0)), abs(void - reference.void))
    if not len(known):
        effect = abs(void - reference.void)
    sizes = (reference.n_eff or float(reference.n), n_eff or float(n))
    edges = _edges(before, min(sizes))
    held = [
        np.append(np.diff(shares[edges], prepend=0.0, append=1.0) * (1 - empty), empty)
        for shares, empty in ((before, reference.void), (now, void))
    ]
    used = (held[0] > 0) | (held[1] > 0)
    p, q = (_smoothed(shares[used], size) for shares, size in zip(held, sizes, strict=True))
    psi = float(((q - p) * np.log(q / p)).sum())
    if reference.n_eff is None or n_eff is None:
        return Shift(psi, effect, None, None, None, n, n_eff)
    noise = 1 / reference.n_eff + 1 / n_eff
    bound = max(MATERIAL_PSI, noise * (int(used.sum()) - 1))
    effect_bound = max(MATERIAL_EFFECT, CERTAINTY * float(np.sqrt(noise)))
    drifted = psi > bound and effect > effect_bound
    return Shift(psi, effect, bound, effect_bound, drifted, n, n_eff)


def _edges(below: Floats, n_eff: float) -> Integers:
    # Which of the reference's points end a bin: as near to even shares as ties allow.
    count = int(np.clip(n_eff / ROWS_A_BIN, LEAST_BINS, BINS))
    wanted = np.arange(1, count) / count
    if not len(below):
        return np.empty(0, dtype=np.int64)
    nearest: Integers = np.unique(np.abs(below[:, None] - wanted).argmin(axis=0))
    return nearest


def _smoothed(shares: Floats, n_eff: float) -> Floats:
    # Half a row in each bin: an empty one is rare, not impossible.
    smoothed: Floats = (shares * n_eff + 0.5) / (n_eff + 0.5 * len(shares))
    return smoothed
