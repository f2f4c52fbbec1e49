"""In which order versions served a slot, as its log of promotions tells it."""

from inference.artefacts.versions import Slot
from predictions.models.retraining import Action, Promotion


def served_before(slot: Slot, champion: str) -> list[str]:
    """Return what served before the champion, the latest first, each once.

    What was rolled back is not among them: going back again leads further back, never forth.
    """
    served: list[str] = []
    steps = Promotion.objects.filter(
        slot=str(slot), action__in=(Action.PROMOTE, Action.ROLLBACK)
    ).order_by("id")
    for action, version, before in steps.values_list("action", "version", "before"):
        if before and before not in served:
            served.append(before)
        if action == Action.ROLLBACK and before in served:
            served.remove(before)
        # One that serves again goes to the end: it is what one comes back from now.
        if version in served:
            served.remove(version)
        served.append(version)
    return [one for one in reversed(served) if one != champion]
