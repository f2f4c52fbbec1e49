"""Does anything look ahead: values of a moment on the whole history against the history that ends
there.

Features and model outputs are compared apart, each over a stretch before the moment, so that a
look of one cell or candle ahead shows, and one of many. What computes them is handed in: the
served code by the command, anything by a test.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from predictions.audit.report import AuditReport, Comparison

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

OUTPUT_TOLERANCE = 1e-5
"""Of a network's float32 outputs, beyond their own size: other batches add in another order."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in order of time: times_ms [n], values [n, columns]; NaN = void."""

    times_ms: Integers
    values: Floats

    def tail(self, until_ms: int, rows: int) -> "Table":
        """Return the last rows up to and with a time."""
        stop = int(np.searchsorted(self.times_ms, until_ms, side="right"))
        return self.take(slice(max(0, stop - rows), stop))

    def take(self, rows: slice) -> "Table":
        return Table(self.times_ms[rows], self.values[rows])


Inputs = npt.NDArray[Any]
"""Float64 features of a forecaster, float32 windows of a signal network."""

Model = Callable[[Inputs], Floats]
"""Inputs of any number of rows [n, …] to outputs [n, columns]."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared: names of columns, whom it is about."""

    engine: str
    venue: str
    name: str
    columns: Sequence[str]


def compare_tables(
    report: AuditReport,
    subject: Subject,
    kind: str,
    whole: Table,
    truncated: Table,
    *,
    tolerance: float = 0.0,
) -> None:
    """Compare rows of the same times, all columns; name each difference.

    whole: values on the whole history (`stored` in a difference); truncated: on what was known.
    tolerance: relative to a value's size, or absolute below 1.
    """
    shared, ours, theirs = np.intersect1d(whole.times_ms, truncated.times_ms, return_indices=True)
    missing = len(truncated.times_ms) - len(shared)
    if missing:
        report.unchecked[f"{kind}_not_in_whole_history"] += missing
    report.checked[kind] += len(shared) * len(subject.columns)
    first, second = whole.values[ours], truncated.values[theirs]
    with np.errstate(invalid="ignore"):
        near = np.abs(first - second) <= tolerance * np.maximum(1.0, np.abs(first))
    same = (first == second) | (np.isnan(first) & np.isnan(second)) | (near & (tolerance > 0))
    for row, column in np.argwhere(~same):
        compare = Comparison(report, subject.engine, subject.venue, subject.name, int(shared[row]))
        compare.differs(
            subject.columns[column], float(first[row, column]), float(second[row, column])
        )


def compare_outputs(
    report: AuditReport,
    subject: Subject,
    model: Model,
    times_ms: Integers,
    inputs: Inputs,
    moments: Sequence[int],
) -> None:
    """Compare outputs of all rows as one batch with those of the rows up to each moment alone.

    inputs: [n, …] of times_ms [n], rising.
    """
    if not len(times_ms):
        return
    whole = Table(times_ms, model(inputs))
    for moment in moments:
        known = int(np.searchsorted(times_ms, moment, side="right"))
        if known:
            truncated = Table(times_ms[:known], model(inputs[:known]))
            compare_tables(report, subject, "outputs", whole, truncated, tolerance=OUTPUT_TOLERANCE)


def sampled(first: int, last: int, count: int, seed: int) -> list[int]:
    """Return up to `count` different whole numbers of [first, last], rising."""
    if last < first:
        return []
    draws = np.random.default_rng(seed)
    return sorted(set(draws.integers(first, last, size=count, endpoint=True).tolist()))
