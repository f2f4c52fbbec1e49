"""What a version learned from, as sketches of its inputs in a file beside its network.

Written by shipping, named in the manifest's `files`, so that it goes wherever the version goes.
Of a forecaster a sketch a symbol and input, of signals one an input, all coins pooled.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from django.conf import settings

from inference.artefacts.errors import ArtefactError
from inference.artefacts.manifest_files import read_bounded
from inference.artefacts.versions import FORECASTER_NAME, Slot, VersionStore
from training.drift.sketches import Floats, Integers, Sketch, sketch

POOLED = ""
"""Stands where a symbol would, for all of them together."""
MOST_ROWS = 20_000
"""Of one symbol, spread over its time: a sketch gains nothing from more."""
FORECASTS_REFERENCE = f"{Path(FORECASTER_NAME).stem}.reference.json"
SIGNALS_REFERENCE = "reference.json"


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Sketches by symbol, or POOLED, and input. version: whose they are."""

    format: Literal[1] = 1
    version: str
    sketches: dict[str, dict[str, Sketch]]


def reference_name(slot: Slot) -> str:
    """Return what the file is called beside a slot's network."""
    return FORECASTS_REFERENCE if slot.timeframe is None else SIGNALS_REFERENCE


def sketched(names: Sequence[str], inputs: Floats, times_ms: Integers) -> dict[str, Sketch]:
    """Return the sketches of inputs [n, k] by name, NaN where void; rows in any order."""
    order = np.argsort(times_ms, kind="stable")
    order = order[:: -(-len(order) // MOST_ROWS) or 1]
    inputs, times_ms = inputs[order], times_ms[order]
    return {name: sketch(inputs[:, index], times_ms) for index, name in enumerate(names)}


def write_reference(path: Path, version: str, sketches: Mapping[str, Mapping[str, Sketch]]) -> None:
    """Write a version's reference."""
    whole = Reference(version=version, sketches={key: dict(each) for key, each in sketches.items()})
    path.write_bytes(msgspec.json.encode(whole))


def read_reference(slot: Slot, version: str) -> Reference | None:
    """Return the reference of the version that serves; None where there is none of it."""
    name = reference_name(slot)
    store = VersionStore(settings.VAR_DIR)
    shipped = settings.BASE_DIR / "models"
    if slot.timeframe is not None:
        shipped = shipped / "pooled" / slot.timeframe
    for folder in (store.folder(slot, version), store.champion_link(slot), shipped):
        try:
            content = read_bounded(folder / name)
            found = None if content is None else msgspec.json.decode(content, type=Reference)
        except (ArtefactError, msgspec.DecodeError, UnicodeDecodeError):
            continue
        if found is not None and found.version == version:
            return found
    return None
