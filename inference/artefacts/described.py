"""What a version's files say of themselves, read and checked without opening a network.

Read by `predictions.promotion`, which registers, adopts and promotes versions, and by imports.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.manifest import Manifest, Training, manifest_path, read_manifest
from inference.artefacts.manifest_files import SCALER_NAME
from inference.artefacts.network_files import read_network
from inference.artefacts.places import check_claims, version_of
from inference.artefacts.signal_folder import (
    NothingThere,
    checked_network,
    read_folder,
)
from inference.artefacts.signal_folder import (
    check_claims as check_signal_claims,
)
from inference.artefacts.signal_manifest import MANIFEST_NAME, SignalManifest
from inference.artefacts.versions import FORECASTER_NAME, Slot
from market.candles.timeframes import Timeframe

FOREIGN_ARCHITECTURE = "unknown"
"""The architecture of a network in the specification's layout, which has no manifest."""


@dataclass(frozen=True, slots=True)
class Described:
    """One version as its files tell it. span: market time in ms that it learned from.

    role: as its manifest says, "" without one. files: a version folder's names to where each lies
    now, or to its bytes (the network bears one name there, and the manifest names it).
    """

    version: str
    architecture: str
    digest: str
    role: str
    data_digest: str
    span: tuple[int, int] | None
    symbols: tuple[str, ...]
    files: Mapping[str, bytes | Path]
    manifest: Manifest | SignalManifest | None


def described(slot: Slot, folder: Path) -> Described:
    """Read what lies in a version folder, and check it against its digests.

    Raises ArtefactError naming the file and what is wrong with it.
    """
    if slot.timeframe is None:
        return described_forecaster(folder / FORECASTER_NAME)
    return described_signals(folder, slot.timeframe)


def described_forecaster(network: Path) -> Described:
    """Read a forecaster and what lies beside it. Raises ArtefactError."""
    digest = hashlib.sha256(read_network(network)).hexdigest()
    manifest = read_manifest(network)
    if manifest is None:
        files: dict[str, bytes | Path] = {FORECASTER_NAME: network}
        scaler = network.with_name(SCALER_NAME)
        if scaler.exists():
            files[SCALER_NAME] = scaler
        return Described(
            version_of(network), FOREIGN_ARCHITECTURE, digest, "", "", None, (), files, None
        )
    check_claims(manifest, network, digest)
    beside = {name: network.with_name(name) for name in manifest.files if name != network.name}
    files = {
        FORECASTER_NAME: network,
        manifest_path(Path(FORECASTER_NAME)).name: _own_manifest(manifest, network, digest),
        **beside,
    }
    return _told(manifest, digest, files, manifest.training.symbols)


def described_signals(folder: Path, timeframe: Timeframe) -> Described:
    """Read a network of signals and what lies beside it. Raises ArtefactError."""
    try:
        manifest = read_folder(folder)
    except NothingThere:
        manifest = None
    if not isinstance(manifest, SignalManifest):
        message = "there is no manifest of a network"
        raise ArtefactError(Refusal.MISSING, folder / MANIFEST_NAME, message)
    check_signal_claims(folder, manifest, manifest.symbols[0], timeframe)
    _, digest = checked_network(folder, manifest)
    files = {name: folder / name for name in (MANIFEST_NAME, *manifest.files)}
    return _told(manifest, digest, files, manifest.symbols)


def first_described(slot: Slot, places: Sequence[Path]) -> Described | None:
    """Return the first of places that could serve; None where none could.

    places: networks of forecasters, folders of signals.
    """
    for place in places:
        try:
            if slot.timeframe is None:
                return described_forecaster(place)
            return described_signals(place, slot.timeframe)
        except ArtefactError:
            continue
    return None


def _own_manifest(manifest: Manifest, network: Path, digest: str) -> bytes | Path:
    if network.name == FORECASTER_NAME:
        return manifest_path(network)
    digests = {name: known for name, known in manifest.files.items() if name != network.name}
    renamed = msgspec.structs.replace(manifest, files={**digests, FORECASTER_NAME: digest})
    return msgspec.json.format(msgspec.json.encode(renamed), indent=2) + b"\n"


def _told(
    manifest: Manifest | SignalManifest,
    digest: str,
    files: Mapping[str, bytes | Path],
    symbols: tuple[str, ...],
) -> Described:
    return Described(
        manifest.version,
        manifest.architecture,
        digest,
        manifest.role.value,
        manifest.training.data_digest,
        _span(manifest.training),
        symbols,
        files,
        manifest,
    )


def _span(training: Training) -> tuple[int, int] | None:
    if not training.rows:
        return None  # what it learned from is not known
    start, end = training.span
    return round(start.timestamp() * 1000), round(end.timestamp() * 1000)
