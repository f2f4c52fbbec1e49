"""Which versions are on trial: the links of the version store, looked at again and again.

Read by the process of the shadows, which imports nothing heavy until there is one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from inference.artefacts.versions import SLOTS, Slot, VersionStore

Trials = Mapping[tuple[Slot, str], Path]
"""Folders of the versions on trial."""


def trials(store: VersionStore, engines: Sequence[str]) -> dict[tuple[Slot, str], Path]:
    """Return what is on trial for some engines now."""
    return {
        (slot, version): folder
        for slot in SLOTS
        if slot.engine in engines
        for version, folder in store.shadows(slot).items()
    }
