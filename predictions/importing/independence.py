"""Does a model's answer to a row depend on anything else? Rows after it would be the future.

A network that is served gets the symbols of one moment as a batch, one that is tested gets rows
in order of time: only if each answer is its own row's alone, the one says what the other will do.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from predictions.audit.lookahead import OUTPUT_TOLERANCE

Floats = npt.NDArray[np.float64]
Run = Callable[[npt.NDArray[np.intp]], Floats]
"""Numbers of rows, in any order and number, to the model's answers, [n, columns]."""

ALONE = 40
"""Rows that are asked one by one, spread over all."""


def dependences(run: Run, rows: int, *, seed: int = 1) -> list[str]:
    """Return in what way answers depend on more than their own row; empty if they do not.

    Raises whatever the model raises.
    """
    every = np.arange(rows)
    whole = run(every)
    if not np.isfinite(whole).all():
        bad = np.flatnonzero(~np.isfinite(whole).all(axis=1))
        return [f"{len(bad)} of {rows} answers are not finite numbers (first: row {bad[0]})"]
    shuffled = np.random.default_rng(seed).permutation(rows)
    half = every[: max(1, rows // 2)]
    found = [
        ("on the rows that follow in a batch", half, run(half)),
        ("on the rows before in a batch", every[len(half) :], run(every[len(half) :])),
        ("on the order of the rows in a batch", every[::-1], run(every[::-1])),
        ("on which rows share a batch", shuffled, run(shuffled)),
    ]
    alone = np.unique(np.linspace(0, rows - 1, min(ALONE, rows)).astype(np.intp))
    said = np.concatenate([run(alone[[place]]) for place in range(len(alone))])
    found.append(("on the batch's length: alone a row is answered otherwise", alone, said))
    found.append(("on what was asked before: asked again, it answers otherwise", every, run(every)))
    return [
        f"answers depend {name} ({told})"
        for name, chosen, answers in found
        if (told := _differs(whole[chosen], answers))
    ]


def _differs(expected: Floats, found: Floats) -> str:
    near = np.abs(expected - found) <= OUTPUT_TOLERANCE * np.maximum(1.0, np.abs(expected))
    wrong = int((~near).any(axis=1).sum())  # NaN is near nothing
    if not wrong:
        return ""
    row, column = (int(index[0]) for index in np.nonzero(~near))
    values: list[Any] = [expected[row, column], found[row, column]]
    return f"{wrong} of {len(near)} rows; {values[0]:.6g} against {values[1]:.6g}"
