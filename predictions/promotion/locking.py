"""One at a time: who changes which version serves holds this lock, across processes.

The lock lies beside the versions, since the links it protects do: instances that share a database
and not their folders each have their own. Under it, `journal` keeps what is being done, so that
what was broken off is finished, or forgotten, by whoever comes next.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import msgspec

from inference.artefacts.versions import VERSIONS_FOLDER, Slot, VersionStore


@contextmanager
def change_lock(var_dir: Path) -> Iterator[None]:
    """Wait until nobody else changes what serves, and keep it so. Not to be taken twice."""
    folder = var_dir / VERSIONS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Links(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a slot's links point. champion: None where nothing is promoted."""

    champion: str | None
    previous: str | None
    shadows: frozenset[str]

    @classmethod
    def read(cls, store: VersionStore, slot: Slot) -> Self:
        """Return where they point now."""
        shadows = frozenset(store.shadows(slot))
        return cls(store.champion(slot), store.previous(slot), shadows)

    def set(self, store: VersionStore, slot: Slot) -> None:
        """Let them point here; what serves first. Raises UnknownVersionError, OSError."""
        now = Links.read(store, slot)
        if now.champion != self.champion:
            store.set_champion(slot, self.champion)
        if now.previous != self.previous:
            store.set_previous(slot, self.previous)
        if now.shadows != self.shadows:
            store.set_shadows(slot, self.shadows)


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing being done to a slot. was, wanted: its links; ends: what the versions are that
    leave; action to figures: its row of `Promotion`."""

    was: Links
    wanted: Links
    ends: Mapping[str, str]
    action: str
    version: str
    before: str
    by: str
    why: str
    figures: Mapping[str, Any]


class Journal:
    """The change that a slot is in the middle of. Read and written under the lock alone."""

    def __init__(self, var_dir: Path, slot: Slot) -> None:
        name = str(slot).replace("/", "-")
        self._path = var_dir / VERSIONS_FOLDER / f".changing-{name}.json"

    def read(self) -> Change | None:
        """Return what was broken off; None if nothing was, or nothing readable is left of it."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Change)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def write(self, change: Change) -> None:
        """Keep a change before its first step."""
        draft = self._path.with_suffix(".tmp")
        with draft.open("wb") as file:
            file.write(msgspec.json.encode(change))
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, self._path)

    def clear(self) -> None:
        """Forget the change: it is done, or never began."""
        self._path.unlink(missing_ok=True)
