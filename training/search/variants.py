"""What was measured of each variant, at rest and in order; what the gates read of it.

One file a variant beside the study, so that a search that goes on measures nothing twice.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar

import numpy as np

from training.evaluation import Floats
from training.recordings import TrainingDataError
from training.search.spaces import Params

Options = TypeVar("Options")


@dataclass(frozen=True, slots=True)
class Measured:
    """What a variant is worth. inner: mean loss in each fold on the rows that calibrate, later
    than those that taught and earlier than the test; losses: [n] of the walk-forward decisions,
    fold after fold, in the order and the unit of the gates."""

    inner: tuple[float, ...]
    losses: Floats

    @classmethod
    def of(cls, folds: Sequence[tuple[float, Floats]]) -> Self:
        """Join what was measured of each fold: its inner loss, its losses."""
        inner = tuple(loss for loss, _ in folds)
        return cls(inner, np.concatenate([losses for _, losses in folds]))

    @property
    def loss(self) -> float | None:
        """The figure that is searched by; None where a fold has none."""
        mean = float(np.mean(self.inner))
        return mean if np.isfinite(mean) and np.isfinite(self.losses).all() else None


@dataclass(frozen=True, slots=True)
class Variant(Generic[Options]):
    """One tried fit. loss: None where it diverged. folder: where the workplace keeps its fits:
    training there with these options goes on from them."""

    number: int
    params: Params
    options: Options
    folder: Path
    loss: float | None
    measured: Measured

    @property
    def state(self) -> str:
        """Whether it could be measured: `complete` or `failed`."""
        return "failed" if self.loss is None else "complete"


@dataclass(frozen=True, slots=True)
class Found(Generic[Options]):
    """All variants of a search, in the order they were tried."""

    variants: Sequence[Variant[Options]]

    @property
    def best(self) -> Variant[Options]:
        """The variant of the smallest loss; of equal ones the first.

        Raises TrainingDataError where none could be measured.
        """
        worth = [one for one in self.variants if one.loss is not None]
        if not worth:
            raise TrainingDataError("no variant of the search could be fitted: each diverged")
        return min(worth, key=lambda one: (one.loss, one.number))

    @property
    def other_losses(self) -> list[Floats]:
        """The walk-forward losses of every variant but the best that has some, each [n]."""
        best = self.best
        worth = [one for one in self.variants if one.loss is not None]
        return [one.measured.losses for one in worth if one is not best]


def write_measured(file: Path, measured: Measured) -> None:
    """Write what was measured in one step."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".tmp.npz")
    np.savez(draft, inner=np.array(measured.inner), losses=measured.losses)
    os.replace(draft, file)


def read_measured(file: Path) -> Measured | None:
    """Return what was measured, or None where that is not there or torn."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            return Measured(tuple(stored["inner"].tolist()), stored["losses"])
    except (OSError, ValueError, KeyError, EOFError):
        return None
