"""Where versions of models lie, which one serves, and which are on trial.

A version is a folder that is written once and never changed; what serves is a link to it, replaced
in one step, so that no reader ever sees half of one and half of another:

    var/versions/forecasts/<version>/        var/versions/signals/<TF>/<version>/
    var/models/forecasts/champion  → …       var/models/pooled/<TF>  → …
    var/models/forecasts/previous  → …       var/models/previous/<TF>  → …
    var/shadows/forecasts/<version>  → …     var/shadows/signals/<TF>/<version>  → …

Loops and `run_shadow` obey these links alone; who set them, and why, the database says
(`predictions.promotion`). Where there is no champion link, what is shipped in `models/` serves.
"""

import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from inference.vocabulary import FORECASTS, SIGNALS
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe

FORECASTER_NAME = "btc_predictor_v1.onnx"
"""The network's file in every forecaster's version folder, as the shipped one is called."""

VERSIONS_FOLDER = "versions"
PREVIOUS = "previous"


class UnknownSlotError(ValueError):
    """No such place for a model; the text names what is allowed."""


class UnknownVersionError(LookupError):
    """No version of that name lies in a slot; the text names those that do."""


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """What one champion serves: the forecasts, or all signals of one timeframe."""

    engine: str
    timeframe: Timeframe | None = None

    def __str__(self) -> str:
        return self.engine if self.timeframe is None else f"{self.engine}/{self.timeframe}"

    @property
    def path(self) -> Path:
        """Return the slot as part of a path."""
        return Path(str(self))


SLOTS = (Slot(FORECASTS), *(Slot(SIGNALS, timeframe) for timeframe in SIGNAL_TIMEFRAMES))


def parse_slot(text: str) -> Slot:
    """Read `forecasts` or `signals/1h`. Raises UnknownSlotError."""
    for slot in SLOTS:
        if str(slot) == text.strip():
            return slot
    raise UnknownSlotError(f"{text!r} is unknown; allowed are {', '.join(map(str, SLOTS))}")


class VersionStore:
    """The folders and links of one instance. Writers are few and careful: one holds the lock of
    `predictions.promotion`; readers may come at any time."""

    def __init__(self, var_dir: Path) -> None:
        self._var = var_dir

    def folder(self, slot: Slot, version: str) -> Path:
        """Return where a version lies, or would."""
        return self._var / VERSIONS_FOLDER / slot.path / version

    def versions(self, slot: Slot) -> list[str]:
        """Return the names of all versions that lie there, sorted."""
        return _names(self._var / VERSIONS_FOLDER / slot.path)

    def add(self, slot: Slot, version: str, files: Mapping[str, bytes | Path]) -> Path:
        """Write a version's folder in one step; files: names to their bytes or a file to copy.

        A version that is there already stays as it is. Returns its folder.
        """
        folder = self.folder(slot, version)
        if folder.is_dir():
            return folder
        draft = folder.with_name(f".{version}.{secrets.token_hex(4)}")
        draft.mkdir(parents=True)
        try:
            for name, content in files.items():
                if isinstance(content, Path):
                    shutil.copyfile(content, draft / name)
                else:
                    (draft / name).write_bytes(content)
                _sync(draft / name)
            os.replace(draft, folder)
            _sync(folder.parent)
        except OSError:
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)  # nothing, where it became the folder
        return folder

    def remove(self, slot: Slot, version: str) -> None:
        """Remove a version's folder, at once for readers. No link may lead to it."""
        folder = self.folder(slot, version)
        discarded = folder.with_name(f".{version}.{secrets.token_hex(4)}")
        try:
            os.replace(folder, discarded)
        except FileNotFoundError:
            return
        shutil.rmtree(discarded, ignore_errors=True)

    def champion_link(self, slot: Slot) -> Path:
        """Return the link that serves a slot."""
        if slot.timeframe is None:
            return self._var / "models" / slot.engine / "champion"
        return self._var / "models" / "pooled" / slot.timeframe

    def previous_link(self, slot: Slot) -> Path:
        """Return the link to what served before: the backup, and where a rollback goes."""
        if slot.timeframe is None:
            return self._var / "models" / slot.engine / PREVIOUS
        return self._var / "models" / PREVIOUS / slot.timeframe

    def champion(self, slot: Slot) -> str | None:
        """Return the version that was promoted; None where the shipped one serves."""
        return _target(self.champion_link(slot))

    def previous(self, slot: Slot) -> str | None:
        """Return the version that served before; None where none is known."""
        return _target(self.previous_link(slot))

    def shadows(self, slot: Slot) -> dict[str, Path]:
        """Return the versions on trial and their folders."""
        place = self._shadow_place(slot)
        return {name: place / name for name in _names(place) if (place / name).is_dir()}

    def set_champion(self, slot: Slot, version: str | None) -> None:
        """Let a version serve from now on; None: what is shipped. Raises UnknownVersionError."""
        self._link(self.champion_link(slot), slot, version)

    def set_previous(self, slot: Slot, version: str | None) -> None:
        """Say what served before. Raises UnknownVersionError."""
        self._link(self.previous_link(slot), slot, version)

    def set_shadows(self, slot: Slot, versions: Iterable[str]) -> None:
        """Let these be on trial from now on, and no others. Raises UnknownVersionError."""
        wanted = set(versions)
        place = self._shadow_place(slot)
        for version in sorted(wanted):
            self._link(place / version, slot, version)
        for name in _names(place):
            if name not in wanted:
                (place / name).unlink(missing_ok=True)

    def _shadow_place(self, slot: Slot) -> Path:
        return self._var / "shadows" / slot.path

    def _link(self, link: Path, slot: Slot, version: str | None) -> None:
        if version is None:
            link.unlink(missing_ok=True)
            return
        folder = self.folder(slot, version)
        if not folder.is_dir():
            known = ", ".join(self.versions(slot)) or "none"
            raise UnknownVersionError(f"{slot} has no version {version!r}; there are: {known}")
        link.parent.mkdir(parents=True, exist_ok=True)
        draft = link.with_name(f".{link.name}.{secrets.token_hex(4)}")
        # Relative, so that var/ may be moved or mounted elsewhere.
        draft.symlink_to(os.path.relpath(folder, link.parent))
        if link.is_dir() and not link.is_symlink():
            # Put there by hand; it stays beside, and a link takes its place.
            os.replace(link, link.with_name(f".{link.name}.put-aside.{secrets.token_hex(4)}"))
        os.replace(draft, link)
        _sync(link.parent)


def _sync(path: Path) -> None:
    # What the database says of a version must not outlive the version in a power cut.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
    except OSError:
        return []


def _target(link: Path) -> str | None:
    try:
        return Path(os.readlink(link)).name
    except OSError:
        return None
