"""Who serves a slot since when, and what it is held against. Read by the rollback watch."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inference.artefacts.versions import SLOTS, Slot, VersionStore
from inference.vocabulary import FORECASTS
from market.clock import MADE_UP, NO_VENUE, MarketTime
from predictions.models.retraining import Action, ModelVersion, Promotion

NO_CHANGE = "no change"
CLASS_SHARES = "class shares"
"""Rivals where no version that served before is on trial: that the price stays, or that each class
comes as often as it did so far."""


@dataclass(frozen=True, slots=True)
class Reign:
    """A champion since its promotion (or since what served after it was rolled back)."""

    slot: Slot
    began: Promotion
    version: str
    rival: str

    @property
    def baseline(self) -> str:
        """Return the rival where no version is one."""
        return _baseline(self.slot)

    @property
    def rival_is_baseline(self) -> bool:
        return self.rival == self.baseline


def reigns(var_dir: Path, market: MarketTime) -> Iterator[Reign]:
    """Yield the promoted champions that this market may judge.

    What learned from a real market is not judged by one that is made up.
    """
    if market.venue == NO_VENUE:
        return
    store = VersionStore(var_dir)
    for slot in SLOTS:
        version = store.champion(slot)
        if version is None:
            continue
        began = (
            Promotion.objects.filter(slot=str(slot), action__in=(Action.PROMOTE, Action.ROLLBACK))
            .order_by("-id")
            .first()
        )
        # A link that was set by hand has no promotion yet: the next call of `standing` mends it.
        if began is not None and began.version == version and _may_judge(market, slot, version):
            yield Reign(slot, began, version, _rival(store, slot))


def _rival(store: VersionStore, slot: Slot) -> str:
    previous = store.previous(slot)
    if previous is not None and previous in store.shadows(slot):
        return previous
    return _baseline(slot)


def _baseline(slot: Slot) -> str:
    return NO_CHANGE if slot.engine == FORECASTS else CLASS_SHARES


def _may_judge(market: MarketTime, slot: Slot, version: str) -> bool:
    if market.live:
        return True
    learned = ModelVersion.objects.filter(slot=str(slot), version=version)
    venue = learned.values_list("venue", flat=True).first() or ""
    return not venue or venue.startswith(MADE_UP)
