"""Loads signal networks out of folders: the one place that knows which file wins.

Read by the signal registry. One `Loading` is one pass: each folder is read and stamped once,
however many coins share it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference.artefacts.errors import ArtefactError, Refusal, RefusedArtefact
from inference.artefacts.signal_folder import (
    Content,
    FolderStamp,
    NothingThere,
    check_claims,
    checked_network,
    folder_stamp,
    read_folder,
)
from inference.artefacts.signal_manifest import (
    MANIFEST_NAME,
    TORCH_NAME,
    Pointer,
    SignalManifest,
    TouchTimes,
)
from inference.artefacts.torch_conversion import TorchConverter, TorchFiles, read_torch_files
from inference.artefacts.versions import PREVIOUS
from inference.vocabulary import Role
from market.candles.timeframes import Timeframe
from market.symbols import parse_symbol

if TYPE_CHECKING:  # whoever only tells of networks opens none, and needs no ONNX Runtime
    from inference.artefacts.signal_network import SignalNetwork

DEFAULT_BARRIER_ATR = 2.0
"""R in ATR for a network that says nothing about it."""

Key = tuple[str, Timeframe]


@dataclass(frozen=True, slots=True)
class SignalModel:
    """What serves one symbol's timeframe. index: the symbol's number in the network.

    threshold, accuracy, touch_times: None where nothing is known, as in the specification's
    layout. digest: SHA-256 of the network that runs.
    """

    symbol: str
    timeframe: Timeframe
    folder: Path
    network: "SignalNetwork"
    index: int
    version: str
    role: Role
    barrier_atr: float
    threshold: float | None
    accuracy: float | None
    touch_times: TouchTimes | None
    manifest: SignalManifest | None = None

    @property
    def digest(self) -> str:
        return self.network.digest


@dataclass(frozen=True, slots=True)
class Found:
    """What a symbol's folders gave. error: what was refused on the way, though a later place
    may have served; with nothing_there it says where something should lie.

    watched: the folders that this depends on, with their stamps.
    """

    model: SignalModel | None
    error: ArtefactError | None
    watched: dict[Path, FolderStamp]
    nothing_there: bool = False


class Loading:
    """One pass over folders under `roots`, the first of which wins."""

    def __init__(
        self,
        roots: Sequence[Path],
        converter: TorchConverter,
        open_network: "Callable[[bytes, str, Path, int], SignalNetwork]",
    ) -> None:
        self._roots = roots
        self._converter = converter
        self._open = open_network
        self._stamps: dict[Path, FolderStamp] = {}
        self._converted: dict[Path, bytes | ArtefactError] = {}
        self._contents: dict[Path, Content] = {}
        self._opened: dict[Path, SignalNetwork | ArtefactError] = {}
        # Where links led at first sight: all of a network's files are read of one version.
        self._resolved: dict[Path, Path] = {}
        self.refused: dict[Path, RefusedArtefact] = {}

    @property
    def folders(self) -> frozenset[Path]:
        """Return what this pass has looked into."""
        return frozenset(self._stamps)

    def convert(self, keys: Sequence[Key]) -> None:
        """Turn the specification's layout into networks, wherever `keys` have it, all at once."""
        files: list[TorchFiles] = []
        for folder in (self._own(root, *key) for key in keys for root in self._roots):
            self._stamp(folder)
            try:
                if self._read(folder) is None:
                    files.append(read_torch_files(folder))
            except NothingThere:
                continue
            except ArtefactError as error:
                # A bad manifest is met again below; a missing file of this layout is not.
                self._converted[folder] = error
        if files:
            self._converted |= self._converter.convert(files)

    def load(self, symbol: str, timeframe: Timeframe) -> Found:
        """Return what serves a symbol's timeframe, out of the first place that can."""
        watched: dict[Path, FolderStamp] = {}
        error: ArtefactError | None = None
        for root in self._roots:
            folder = self._own(root, symbol, timeframe)
            watched[folder] = self._stamp(folder)
            try:
                return Found(self._load_folder(folder, symbol, timeframe, watched), error, watched)
            except NothingThere:
                continue
            except ArtefactError as refusal:
                self.refused[refusal.path] = refusal.as_refused()
                error = error or refusal
        if error is not None:
            return Found(None, error, watched)
        message = f"there is no such file, and no {MANIFEST_NAME}, here or promoted"
        path = self._own(self._roots[-1], symbol, timeframe) / TORCH_NAME
        missing = ArtefactError(Refusal.MISSING, path, message)
        return Found(None, missing, watched, nothing_there=True)

    def load_at(self, folder: Path, symbol: str, timeframe: Timeframe) -> SignalModel:
        """Return what a folder with a manifest of its own serves, wherever it lies.

        Raises ArtefactError.
        """
        return self._described(folder, self.manifest_at(folder), symbol, timeframe)

    def manifest_at(self, folder: Path) -> SignalManifest:
        """Return the manifest of the network in a folder. Raises ArtefactError."""
        try:
            content = self._read(folder)
        except NothingThere:
            content = None
        if isinstance(content, SignalManifest):
            return content
        path = folder / MANIFEST_NAME
        raise ArtefactError(Refusal.MISSING, path, "there is no manifest of a network")

    def _load_folder(
        self, folder: Path, symbol: str, timeframe: Timeframe, watched: dict[Path, FolderStamp]
    ) -> SignalModel:
        content = self._read(folder)
        if content is None:
            return self._specified(folder, symbol, timeframe)
        if isinstance(content, SignalManifest):
            return self._described(folder, content, symbol, timeframe)
        return self._pooled(folder, content, symbol, timeframe, watched)

    def _pooled(
        self,
        folder: Path,
        pointer: Pointer,
        symbol: str,
        timeframe: Timeframe,
        watched: dict[Path, FolderStamp],
    ) -> SignalModel:
        refused: ArtefactError | None = None
        for place in self._pools(pointer.points_to, timeframe):
            watched[place] = self._stamp(place)
            pooled = self._resolved.setdefault(place, place.resolve())
            try:
                manifest = self._read(pooled)
                if isinstance(manifest, SignalManifest):
                    return self._described(pooled, manifest, symbol, timeframe)
            except NothingThere:
                continue
            except ArtefactError as error:
                # By the place, so that it is forgotten once something else lies there.
                at_place = ArtefactError(error.code, place / error.path.name, error.message)
                self.refused[at_place.path] = at_place.as_refused()
                refused = refused or at_place
        if refused is not None:
            raise refused
        message = f"points to {pointer.points_to}, where there is no manifest of a network"
        raise ArtefactError(Refusal.MISSING, folder / MANIFEST_NAME, message)

    def _pools(self, name: str, timeframe: Timeframe) -> list[Path]:
        first, *others = self._roots
        promoted = first / name
        if not promoted.is_symlink():
            return [root / name for root in self._roots]
        # What was promoted, then what served before it, then what is shipped.
        return [promoted, first / PREVIOUS / timeframe.value, *(root / name for root in others)]

    def _described(
        self, folder: Path, manifest: SignalManifest, symbol: str, timeframe: Timeframe
    ) -> SignalModel:
        check_claims(folder, manifest, symbol, timeframe)
        network = self._network(folder, manifest)
        return SignalModel(
            symbol=symbol,
            timeframe=timeframe,
            folder=folder,
            network=network,
            index=manifest.symbols.index(symbol),
            version=manifest.version,
            role=manifest.role,
            barrier_atr=manifest.barrier_atr,
            threshold=manifest.threshold,
            accuracy=manifest.accuracy,
            touch_times=manifest.touch_times,
            manifest=manifest,
        )

    def _network(self, folder: Path, manifest: SignalManifest) -> "SignalNetwork":
        if folder not in self._opened:
            content, digest = checked_network(folder, manifest)
            path = folder / manifest.network
            try:
                network = self._open(content, digest, path, len(manifest.symbols))
            except ArtefactError as error:
                self._opened[folder] = error  # for its other coins: to try it may take long
                raise
            self._opened[folder] = network
        found = self._opened[folder]
        if isinstance(found, ArtefactError):
            raise ArtefactError(found.code, found.path, found.message)
        return found

    def _specified(self, folder: Path, symbol: str, timeframe: Timeframe) -> SignalModel:
        converted = self._converted[folder]
        if isinstance(converted, ArtefactError):
            raise converted
        digest = hashlib.sha256(converted).hexdigest()
        return SignalModel(
            symbol=symbol,
            timeframe=timeframe,
            folder=folder,
            network=self._open(converted, digest, folder / TORCH_NAME, 1),
            index=0,
            version=f"{symbol}-{timeframe}-{digest[:12]}",
            role=Role.CHAMPION,
            barrier_atr=DEFAULT_BARRIER_ATR,
            threshold=None,
            accuracy=None,
            touch_times=None,
        )

    def _read(self, folder: Path) -> Content:
        if folder not in self._contents:
            self._contents[folder] = read_folder(folder)
        return self._contents[folder]

    def _stamp(self, folder: Path) -> FolderStamp:
        # Taken before the folder is read: what changes meanwhile is met at the next refresh.
        return self._stamps.setdefault(folder, folder_stamp(folder))

    @staticmethod
    def _own(root: Path, symbol: str, timeframe: Timeframe) -> Path:
        return root / parse_symbol(symbol) / timeframe.value
