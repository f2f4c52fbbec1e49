"""Old versions' files go: the newest of those that ended stay, and all that anything may need.

Rows stay for good: what spoke in the ledger keeps its name, digest and data.
"""

import structlog

from inference.artefacts.versions import Slot, VersionStore
from predictions.models.retraining import ModelVersion, VersionState
from predictions.promotion.history import served_before

KEPT_ENDED = 20
"""Folders of rejected and retired versions that a slot keeps."""

KEPT_SERVED = 3
"""Of those that served, the latest stay beyond that, however old: rollbacks go to them."""

log = structlog.get_logger(__name__)


def prune(store: VersionStore, slot: Slot) -> list[str]:
    """Remove the folders of versions that ended longest ago; return their names."""
    linked = {store.champion(slot), store.previous(slot), *store.shadows(slot)}
    linked |= set(served_before(slot, store.champion(slot) or "")[:KEPT_SERVED])
    there = set(store.versions(slot)) - linked
    ended = ModelVersion.objects.filter(
        slot=str(slot),
        state__in=(VersionState.REJECTED, VersionState.RETIRED),
        version__in=there,
    ).order_by("-since", "-id")
    removed = [row.version for row in ended[KEPT_ENDED:]]
    for version in removed:
        store.remove(slot, version)
        log.info("version_removed", slot=str(slot), version=version)
    return removed
