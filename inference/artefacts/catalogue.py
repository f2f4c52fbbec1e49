"""What lies in the model folders and would be served, told without running any of it.

Read by the web process, which holds no ONNX Runtime. It takes the places in the loops' order, by
the loops' own code, checks manifests and digests, and opens no network: what the loops really
loaded, and what they refused at opening, their heartbeats say.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from inference.artefacts.errors import ArtefactError, Refusal, RefusedArtefact
from inference.artefacts.manifest import Manifest, read_manifest
from inference.artefacts.network_files import read_network
from inference.artefacts.places import check_claims, settled, version_of
from inference.artefacts.signal_folder import FolderStamp, folder_stamp
from inference.artefacts.signal_loading import Key, Loading, SignalModel
from inference.artefacts.torch_conversion import KeptConversions

LOOK_EVERY_SECONDS = 2.0
"""How often files are looked at again; a question in between gets what was found."""


class Unopened(NamedTuple):
    """A network that was read and not opened."""

    digest: str


@dataclass(frozen=True, slots=True)
class Forecaster:
    """The network that forecasts. manifest: None in the specification's layout."""

    path: Path
    digest: str
    version: str
    manifest: Manifest | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What was found. signals: of each coin and timeframe what serves it, or why nothing does."""

    forecaster: Forecaster | None
    signals: Mapping[Key, SignalModel | ArtefactError]
    refused: tuple[RefusedArtefact, ...]


@dataclass(slots=True)
class CatalogueReader:
    """Reads the folders again where a file of theirs changed. Safe for threads.

    places: tells the forecaster's, in their order, which promotions change; roots: the folders of
    signal networks, the first of which wins.
    """

    places: Callable[[], Sequence[Path]]
    roots: Sequence[Path]
    keys: Sequence[Key]
    conversions: Path
    monotonic: Callable[[], float] = time.monotonic
    _known: Catalogue | None = field(init=False, default=None)
    _stamps: dict[Path, FolderStamp] = field(init=False, default_factory=dict)
    _looked_at: float = field(init=False, default=float("-inf"))
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def read(self) -> Catalogue:
        """Return what lies there now, or did at most two seconds ago."""
        with self._lock:
            now = self.monotonic()
            if self._known is None or now - self._looked_at >= LOOK_EVERY_SECONDS:
                stamps = {folder: folder_stamp(folder) for folder in self._stamps}
                stamps |= self._places_stamps()
                if self._known is None or stamps != self._stamps:
                    self._known = self._read()
                self._looked_at = now
            return self._known

    def _read(self) -> Catalogue:
        # Stamped before they are read: what changes meanwhile is met at the next look.
        self._stamps = self._places_stamps()
        refused: dict[Path, RefusedArtefact] = {}
        forecaster = self._forecaster(refused)
        opened: Any = _unopened  # tells a digest, which is all that is asked of it here
        loading = Loading(self.roots, KeptConversions(self.conversions), opened)
        loading.convert(self.keys)
        signals: dict[Key, SignalModel | ArtefactError] = {}
        for key in self.keys:
            found = loading.load(*key)
            self._stamps |= found.watched
            if found.model is not None:
                signals[key] = found.model
            elif found.error is not None:
                signals[key] = found.error
        return Catalogue(forecaster, signals, (*refused.values(), *loading.refused.values()))

    def _places_stamps(self) -> dict[Path, FolderStamp]:
        return {place.parent: folder_stamp(place.parent) for place in self.places()}

    def _forecaster(self, refused: dict[Path, RefusedArtefact]) -> Forecaster | None:
        for index, path in enumerate(self.places()):
            try:
                return _forecaster_at(settled(path))
            except ArtefactError as error:
                if error.code is not Refusal.MISSING or index == 0:
                    refused[error.path] = error.as_refused()
        return None


def _forecaster_at(path: Path) -> Forecaster:
    digest = hashlib.sha256(read_network(path)).hexdigest()
    manifest = read_manifest(path)
    if manifest is None:
        return Forecaster(path, digest, version_of(path), None)
    check_claims(manifest, path, digest)
    return Forecaster(path, digest, manifest.version, manifest)


def _unopened(content: bytes, digest: str, path: Path, symbols: int) -> Unopened:
    return Unopened(digest)
