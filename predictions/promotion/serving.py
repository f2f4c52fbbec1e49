"""What serves a slot and what holds it still, as links, files and configuration say it now.

Asked without the lock: by `bench`, `roster` and `standing`, by commands and by training.
"""

from pathlib import Path

from django.conf import settings

from inference.artefacts.described import Described, first_described
from inference.artefacts.places import is_pinned, unpromoted_places
from inference.artefacts.versions import Slot, VersionStore
from inference.config import resolve_model_path
from predictions.models.retraining import Action, Promotion


def serving_version(slot: Slot, store: VersionStore) -> str:
    """Return what the links, or the files where nothing is promoted, let serve; "" for nothing."""
    linked = store.champion(slot)
    if linked is not None and not pinned(slot):
        return linked
    found = unpromoted(slot)
    return "" if found is None else found.version


def unpromoted(slot: Slot) -> Described | None:
    """Return what serves a slot while nothing is promoted; None where nothing could."""
    return first_described(slot, _unpromoted_places(slot))


def frozen(slot: Slot) -> bool:
    """Say whether the slot was frozen, and not unfrozen since."""
    steps = Promotion.objects.filter(slot=str(slot), action__in=(Action.FREEZE, Action.UNFREEZE))
    last = steps.order_by("-id").values_list("action", flat=True).first()
    return last == Action.FREEZE


def pinned(slot: Slot) -> bool:
    """Say whether the configuration names a network that wins over all that is promoted."""
    return slot.timeframe is None and is_pinned(_configured(), settings.BASE_DIR)


def _configured() -> Path:
    return resolve_model_path(settings.INFERENCE.model.path, settings.BASE_DIR)


def _unpromoted_places(slot: Slot) -> tuple[Path, ...]:
    if slot.timeframe is None:
        return unpromoted_places(_configured(), settings.BASE_DIR, settings.VAR_DIR)
    put = VersionStore(settings.VAR_DIR).champion_link(slot)
    shipped = settings.BASE_DIR / "models" / "pooled" / slot.timeframe
    # A folder that is no link was put there by hand.
    return (shipped,) if put.is_symlink() else (put, shipped)
