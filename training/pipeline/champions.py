"""Where the files of what serves lie, promoted or shipped; read by both engines' first gate."""

from pathlib import Path

from django.conf import settings

from inference.artefacts.signal_manifest import MANIFEST_NAME
from inference.artefacts.versions import FORECASTER_NAME, Slot, VersionStore
from predictions.promotion.serving import unpromoted
from training.recordings import TrainingDataError


def champion_file(slot: Slot, version: str) -> Path:
    """Return a forecaster's network, or the manifest of signals.

    Raises TrainingDataError where nothing of that version is there.
    """
    name = FORECASTER_NAME if slot.timeframe is None else MANIFEST_NAME
    stored = VersionStore(settings.VAR_DIR).folder(slot, version)
    if stored.is_dir():
        return stored / name
    found = unpromoted(slot)
    file = None if found is None or found.version != version else found.files.get(name)
    if not isinstance(file, Path):
        raise TrainingDataError(f"the files of {version}, which serves {slot}, are not there")
    return file
