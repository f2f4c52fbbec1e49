"""Whether a champion's loss or calibration changed: ADWIN over blocks of its record.

ADWIN (Bifet and Gavaldà 2007, `river.drift`) keeps a window of blocks and lets go of the older
part where the two no longer have one mean. It is run anew over the whole record each time, so
what it says follows from the ledger alone. Its bound is for independent values in 0..1: blocks are
joined until they hardly know of each other, and clipped to a robust range.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from river.drift import ADWIN

from training.drift.sketches import Floats, Integers

DELTA = 0.3
"""ADWIN's parameter. Its bound is loose: with MOST_BLOCKS this gives under 1 % of false alarms a
record (docs/adr/0034-drift-and-its-bounds.md)."""
LEAST_BLOCKS = 24
MOST_BLOCKS = 168
REACH = 2.0
"""Blocks are clipped so many robust standard deviations from their median."""
NORMAL_IQR = 1.349
SEGMENT = 12
"""Correlation is measured within so many blocks: a change of the mean is none."""
INDEPENDENT = 0.15


@dataclass(frozen=True, slots=True)
class Change:
    """mean: of the blocks since the last change, or of all; before: of those before it, None
    without one. since_ms: when it began; seen_ms: when it was seen; blocks: all there are."""

    mean: float
    before: float | None
    since_ms: int | None
    seen_ms: int | None
    blocks: int


def last_change(values: Floats, times_ms: Integers) -> Change | None:
    """Return the last change of mean of values [n] in order of time; None where they are too few.

    ADWIN says whether there was one; where its window is cut, the steepest point says when.

    Only the last change counts: what recovered is over.
    """
    joined = _joined(values)
    if joined is None:
        return None
    blocks, step = joined
    first = len(values) - len(blocks) * step
    scaled = _scaled(blocks)
    begin, since, seen = 0, 0, None
    watch = _watch(scaled[:0])
    for index, value in enumerate(scaled.tolist()):
        watch.update(value)
        if watch.drift_detected:
            begin, since = since, since + _steepest(scaled[since : index + 1])
            seen, watch = index, _watch(scaled[since : index + 1])
    ends = times_ms[first + step - 1 :: step]
    return Change(
        mean=float(blocks[since:].mean()),
        before=None if seen is None else float(blocks[begin:since].mean()),
        since_ms=None if seen is None else int(times_ms[first + since * step]),
        seen_ms=None if seen is None else int(ends[seen]),
        blocks=len(blocks),
    )


def _watch(values: Floats) -> Any:
    untyped: Any = ADWIN
    watch = untyped(delta=DELTA, clock=1)
    for value in values.tolist():
        watch.update(value)
    return watch


def _steepest(values: Floats) -> int:
    """Return where the sums of what lies above and below the mean turn: the likeliest change."""
    sums = np.cumsum(values - values.mean())
    count = np.arange(1, len(values))
    return int(np.argmax(np.abs(sums[:-1]) / np.sqrt(count * (len(values) - count)))) + 1


def _joined(values: Floats) -> tuple[Floats, int] | None:
    # The newest blocks are whole; what does not fill one is the oldest.
    step = max(1, -(-len(values) // MOST_BLOCKS))
    if len(values) // step < LEAST_BLOCKS:
        return None
    while True:
        count = len(values) // step
        blocks = values[len(values) - count * step :].reshape(-1, step).mean(axis=1)
        if len(values) // (step + 1) < LEAST_BLOCKS or _correlation(_scaled(blocks)) <= INDEPENDENT:
            return blocks, step
        step += 1


def _correlation(values: Floats) -> float:
    # Of neighbours, within segments; corrected for the mean that each segment loses.
    parts = values[len(values) % SEGMENT :].reshape(-1, SEGMENT)
    off = parts - parts.mean(axis=1, keepdims=True)
    squares = float((off**2).sum())
    found = float((off[:, 1:] * off[:, :-1]).sum()) / squares if squares else 0.0
    return found + (1 + found) / SEGMENT


def _scaled(blocks: Floats) -> Floats:
    middle = float(np.median(blocks))
    low, high = np.quantile(blocks, (0.25, 0.75))
    spread = float(high - low) / NORMAL_IQR or float(blocks.std()) or 1.0
    scaled: Floats = np.clip((blocks - middle) / (2 * REACH * spread) + 0.5, 0.0, 1.0)
    return scaled
