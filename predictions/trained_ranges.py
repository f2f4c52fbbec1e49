"""The ranges that a signal's own model was trained on, where its files still lie there.

A scaler keeps mean and standard deviation of each indicator over the training rows. It is believed
where its manifest names the very network that spoke. Read where the ledger is too young to tell
what is usual.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from inference.artefacts.errors import ArtefactError
from inference.artefacts.manifest_files import SCALER_NAME, file_digest
from inference.artefacts.scaler import read_scaler
from inference.artefacts.signal_folder import FolderStamp, NothingThere, folder_stamp, read_folder
from inference.artefacts.signal_manifest import SignalManifest
from market.candles.vector import INDICATOR_NAMES
from predictions.models import Signal

NINE_TENTHS_SIGMA = 1.645
"""Half the width of nine tenths of a normal distribution, in σ."""

Ranges = dict[str, tuple[float, float]]


def trained_ranges(signal: Signal) -> Ranges | None:
    """Return lower and upper bound of each indicator; None where the model's files are gone."""
    for folder in _folders(signal.symbol, signal.timeframe):
        digest, ranges = _read(folder, folder_stamp(folder))
        if digest == signal.model_digest and ranges is not None:
            return ranges
    return None


def _folders(symbol: str, timeframe: str) -> Iterable[Path]:
    for root in (settings.VAR_DIR / "models", settings.BASE_DIR / "models"):
        for name in (symbol, "pooled"):
            yield root / name / timeframe


@lru_cache(maxsize=256)
def _read(folder: Path, stamp: FolderStamp) -> tuple[str, Ranges | None]:
    try:
        manifest = read_folder(folder)
        if not isinstance(manifest, SignalManifest):
            return "", None
        return manifest.files.get(manifest.network, ""), _of_scaler(folder, manifest)
    except (ArtefactError, NothingThere, OSError):
        return "", None


def _of_scaler(folder: Path, manifest: SignalManifest) -> Ranges | None:
    path = folder / SCALER_NAME
    if manifest.files.get(SCALER_NAME) != file_digest(path):
        return None
    scaler = read_scaler(path, INDICATOR_NAMES)
    if scaler.kind != "StandardScaler" or scaler.subtract is None or scaler.divide is None:
        return None
    rows = zip(INDICATOR_NAMES, scaler.subtract.tolist(), scaler.divide.tolist(), strict=True)
    return {
        name: (mean - NINE_TENTHS_SIGMA * spread, mean + NINE_TENTHS_SIGMA * spread)
        for name, mean, spread in rows
    }
