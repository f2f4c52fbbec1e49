"""What lies in a folder of signal artefacts, and whether its manifest tells the truth.

Read by the signal registry. A folder holds a manifest with the files it names, or the
specification's `cnn_lstm_best.pt` + `scaler.pkl`, or a pointer to a pooled network. Files of
the specification win over a pointer: somebody put them there.
"""

import hashlib
import os
from pathlib import Path

import msgspec

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.manifest import features_difference
from inference.artefacts.manifest_files import check_digests, read_bounded
from inference.artefacts.network_files import read_network
from inference.artefacts.signal_manifest import (
    LABELS,
    MANIFEST_NAME,
    TORCH_NAME,
    Pointer,
    SignalManifest,
)
from inference.vocabulary import Role
from market.candles.timeframes import Timeframe
from market.candles.vector import INDICATOR_COUNT, INDICATOR_NAMES, WINDOW

Content = SignalManifest | Pointer | None
"""None: the specification's layout, which has no manifest."""

FolderStamp = tuple[tuple[str, int, int, int], ...]


class NothingThere(Exception):
    """The folder holds no artefact. The registry looks in the next place."""


def folder_stamp(folder: Path) -> FolderStamp:
    """Return what changes whenever a file of the folder does: name, time, size, inode."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat()) for entry in entries if entry.name[0] != "."]
    except OSError:
        return ()
    return tuple(sorted((n, s.st_mtime_ns, s.st_size, s.st_ino) for n, s in found))


def read_folder(folder: Path) -> Content:
    """Return the folder's manifest or pointer; None for the specification's layout.

    Raises NothingThere, or ArtefactError (manifest_invalid) naming the field.
    """
    manifest = _read_manifest(folder / MANIFEST_NAME)
    if isinstance(manifest, SignalManifest):
        return manifest
    if (folder / TORCH_NAME).exists():
        return None
    if manifest is None:
        raise NothingThere(str(folder))
    return manifest


def check_claims(folder: Path, manifest: SignalManifest, symbol: str, timeframe: Timeframe) -> None:
    """Check that the manifest describes what is served here, for this symbol and timeframe.

    Raises ArtefactError naming the manifest and what differs.
    """
    path = folder / MANIFEST_NAME
    if manifest.features != INDICATOR_NAMES:
        message = features_difference(manifest.features, INDICATOR_NAMES)
        raise ArtefactError(Refusal.FEATURES, path, message)
    if manifest.input_shape[1:] != (WINDOW, INDICATOR_COUNT):
        message = (
            f"input_shape is {list(manifest.input_shape)}; "
            f"[batch, {WINDOW}, {INDICATOR_COUNT}] is served"
        )
        raise ArtefactError(Refusal.WIDTH, path, message)
    if manifest.labels != LABELS:
        raise ArtefactError(Refusal.REFUSED, path, f"labels are {manifest.labels}, not {LABELS}")
    if manifest.timeframe is not timeframe:
        message = f"is for {manifest.timeframe}, {timeframe} is asked for"
        raise ArtefactError(Refusal.REFUSED, path, message)
    if manifest.role not in (Role.CHAMPION, Role.BASELINE):
        message = f"role is {manifest.role}; champion and baseline are served"
        raise ArtefactError(Refusal.REFUSED, path, message)
    if len(set(manifest.symbols)) < len(manifest.symbols):
        raise ArtefactError(Refusal.MANIFEST, path, "names a symbol twice")
    if symbol not in manifest.symbols:
        message = f"does not know {symbol}; it knows {', '.join(manifest.symbols)}"
        raise ArtefactError(Refusal.REFUSED, path, message)


def checked_network(folder: Path, manifest: SignalManifest) -> tuple[bytes, str]:
    """Check the digests of all files that the manifest names; return the network and its digest.

    Raises ArtefactError naming the file and what differs.
    """
    if manifest.network not in manifest.files:
        named = ", ".join(sorted(manifest.files)) or "no file"
        message = f"gives digests of {named}, not of {manifest.network}"
        raise ArtefactError(Refusal.MANIFEST, folder / MANIFEST_NAME, message)
    content = read_network(folder / manifest.network)
    digest = hashlib.sha256(content).hexdigest()
    check_digests(folder, manifest.files, {manifest.network: digest})
    return content, digest


def _read_manifest(path: Path) -> SignalManifest | Pointer | None:
    content = read_bounded(path)
    if content is None:
        return None
    try:
        fields = msgspec.json.decode(content)
        pointed = isinstance(fields, dict) and "points_to" in fields
        kind: type[Pointer] | type[SignalManifest] = Pointer if pointed else SignalManifest
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtefactError(Refusal.MANIFEST, path, f"is not a manifest: {error}") from error
