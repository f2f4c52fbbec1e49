"""What the two engines must be able to do for a run: learn, make a challenger, judge it.

The steps (`training.pipeline.steps`) ask it of either alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from predictions.promotion.criteria import Verdict
from training.pipeline.orders import SlotOrder
from training.pipeline.run_folder import RunFolder
from training.search import variants as search
from training.shadow_gate import Undecided

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Learned:
    """A dataset that was built. venue: whose market it tells of, "" where unknown."""

    digest: str
    venue: str
    source: str
    symbols: tuple[str, ...]
    rows: int
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tried:
    """One variant that walk-forward judged. loss: null where it failed, and why is in metrics."""

    model: str
    loss: float | None
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What walk-forward found. trials: variants that significance accounts for. verdict: the
    network against the baselines."""

    tried: Sequence[Tried]
    metrics: Mapping[str, Any]
    trials: int
    conclusion: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Made:
    """A challenger's files, by name, and the version that its manifest gives it."""

    version: str
    files: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Judged:
    """How a challenger stood against what serves. verdict: the one that decides; metrics: all
    that was judged."""

    verdict: Verdict
    metrics: Mapping[str, Any]


def tried_variants(model: str, found: search.Found[Any]) -> list[Tried]:
    """Return a search's variants for the run's record. loss: mean walk-forward loss."""
    return [
        Tried(
            model=f"{model}, variant {one.number}",
            loss=None if one.loss is None else float(one.measured.losses.mean()),
            params=one.params,
            metrics={"inner_loss": one.loss, "state": one.state},
        )
        for one in found.variants
    ]


class Engine(Protocol):
    """One slot's way from data to verdicts. Methods raise TrainingDataError and its kin."""

    def learn(self, order: SlotOrder, folder: RunFolder) -> Learned:
        """Build the dataset into the run's folder."""

    def walk_forward(self, order: SlotOrder, folder: RunFolder, told: Told) -> Found:
        """Fit and judge every variant and baseline; keep what was fitted in the folder."""

    def challenger(self, order: SlotOrder, folder: RunFolder) -> Made:
        """Write the files of what serves best into the folder."""

    def against_champion(self, folder: RunFolder, version: str, champion: str) -> Judged:
        """Judge the challenger against what serves, out of sample."""

    def in_shadow(
        self, venue: str, version: str, champion: str, from_ms: int, to_ms: int
    ) -> Verdict | Undecided:
        """Judge the challenger against what serves, by what both said in the ledger."""
