"""Whether the loops could open a version: asked before it serves, and not in this process.

Read by `standing`. Loops refuse a bad network and keep the last good one; so that nobody is told
that a version serves which does not, it is opened as they would first.
"""

from pathlib import Path

from django.conf import settings

from inference.artefacts.versions import Slot
from inference.confined.network import confined


def refuse_unopenable(slot: Slot, folder: Path) -> None:
    """Raise ArtefactError, naming the file and what is wrong, where a version cannot serve."""
    rows = len(settings.FORECAST_SYMBOLS)
    with confined(slot, folder, horizon_ms=settings.INFERENCE.prediction.horizon_ms, rows=rows):
        pass
