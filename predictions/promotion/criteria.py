"""What a challenger is asked before it may serve, and how it answered.

Made by training's gates, kept in the database with every figure, shown by the Models page.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Stage(StrEnum):
    """Where a challenger is judged."""

    OUT_OF_SAMPLE = "out_of_sample"
    """On recorded decisions that it never learned from: walk-forward, and the last part once."""

    SHADOW = "shadow"
    """On its own predictions in the ledger, beside the champion's of the same decisions."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One question to the challenger: the figure it gave (None: unknown, which never passes),
    what was asked for, in words, and whether that was reached."""

    name: str
    figure: float | None
    asked: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """All criteria of one stage, against one rival; n, n_eff: decisions it rests on."""

    stage: Stage
    challenger: str
    against: str
    criteria: tuple[Criterion, ...]
    n: int
    n_eff: float | None = None

    @property
    def passed(self) -> bool:
        """Whether every criterion passed; no criterion at all is no pass."""
        return bool(self.criteria) and all(one.passed for one in self.criteria)

    @property
    def objections(self) -> tuple[str, ...]:
        """What speaks against the challenger; empty if nothing does."""
        return tuple(one.name for one in self.criteria if not one.passed)


def to_records(criteria: Iterable[Criterion]) -> list[dict[str, Any]]:
    """Return plain values, as they go into JSON columns and manifests."""
    return [asdict(one) for one in criteria]
