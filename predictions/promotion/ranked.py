"""What both engines' ledgers tell of versions before they are put in order.

Made by `ranked_forecasts` and `ranked_signals`, read by `predictions.promotion.ranking`.
"""

from dataclasses import dataclass
from typing import Any

from predictions.accuracy.figures import Figure, figure
from predictions.accuracy.intervals import Estimate


@dataclass(frozen=True, slots=True)
class Least:
    """What a comparison needs before it is told: shared decisions, in so many stretches of time
    whose outcomes hardly reach into each other."""

    n: int
    blocks: int


@dataclass(frozen=True, slots=True)
class RankedVersion:
    """A version that spoke. own: its n and figures, of all that it said itself.

    against_champion: the share of the champion's loss that it saves on decisions that both
    answered; None of the champion, or where that said nothing.
    """

    version: str
    own: dict[str, Any]
    against_champion: Figure | None


@dataclass(frozen=True, slots=True)
class Ranked:
    """All versions of a slot that spoke in [from_ms, to_ms), in no order.

    baseline: its name, its figures by definition, and `against_champion` on all that the champion
    said.
    """

    versions: tuple[RankedVersion, ...]
    baseline: dict[str, Any]
    from_ms: int | None
    to_ms: int | None


def saved_share(saved: Estimate, least: Least) -> Figure:
    """Return the share of the champion's loss that is saved; too early, nothing but n is told."""
    told = figure(saved, least.n)
    if saved.blocks < least.blocks or saved.lower is None:
        told |= dict.fromkeys(("value", "lower", "upper", "n_eff"))
    return told
