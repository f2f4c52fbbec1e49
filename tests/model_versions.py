"""Versions of models for tests: the shipped networks under other names, each in its folder."""

from pathlib import Path

import msgspec
from django.conf import settings

from inference.artefacts.described import first_described
from inference.artefacts.manifest import manifest_path
from inference.artefacts.signal_manifest import MANIFEST_NAME
from inference.artefacts.versions import FORECASTER_NAME, Slot, VersionStore
from inference.config import ServiceConfig

MODELS = Path(settings.BASE_DIR) / "models"


def add_version(store: VersionStore, slot: Slot, version: str, suffix: str = "") -> Path:
    """Put what is shipped for a slot into the store, under another version; return its folder.

    suffix: added to its architecture, so that nothing but the manifest differs.
    """
    place = MODELS / FORECASTER_NAME
    name = manifest_path(place).name
    if slot.timeframe is not None:
        place, name = MODELS / "pooled" / slot.timeframe, MANIFEST_NAME
    found = first_described(slot, [place])
    if found is None or found.manifest is None:
        raise RuntimeError(f"nothing whole is shipped for {slot}")
    renamed = msgspec.structs.replace(
        found.manifest, version=version, architecture=found.architecture + suffix
    )
    return store.add(slot, version, {**found.files, name: msgspec.json.encode(renamed)})


def with_model_path(config: ServiceConfig, path: str) -> ServiceConfig:
    """Return a configuration that names another network."""
    sections = {name: getattr(config, name) for name in config.__struct_fields__}
    model = msgspec.structs.replace(config.model, path=path)
    return ServiceConfig(**(sections | {"model": model}))
