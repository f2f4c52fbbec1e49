"""Where a forecaster may lie, what its manifest must say, and the version of one without.

Read by the registry, which opens what lies there, and by the catalogue, which only tells of it.
"""

import re
from pathlib import Path

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.manifest import Manifest, features_difference, manifest_path
from inference.artefacts.manifest_files import check_digests
from market.hot.vector import FEATURE_NAMES

SHIPPED_NAME = "btc_predictor_v1.onnx"


def network_places(configured: Path, base_dir: Path, var_dir: Path) -> tuple[Path, ...]:
    """Return where networks are looked for, in the order in which they are tried."""
    shipped_dir = base_dir / "models"
    promoted = var_dir / "models" / configured.name
    previous = promoted.with_name(f"{promoted.stem}.previous.onnx")
    first = configured
    if configured.parent == shipped_dir and promoted.exists():
        first = promoted
    places = (first, promoted, previous, shipped_dir / configured.name, shipped_dir / SHIPPED_NAME)
    return tuple(dict.fromkeys(places))


def check_claims(manifest: Manifest, path: Path, digest: str) -> None:
    """Check that a manifest names the network in `path`, its files and the feed's features.

    digest: SHA-256 of the network. Raises ArtefactError naming the file and what differs.
    """
    if path.name not in manifest.files:
        named = ", ".join(sorted(manifest.files)) or "no file"
        message = f"names {named}, not {path.name}"
        raise ArtefactError(Refusal.MANIFEST, manifest_path(path), message)
    check_digests(path.parent, manifest.files, {path.name: digest})
    if manifest.features != FEATURE_NAMES:
        message = features_difference(manifest.features)
        raise ArtefactError(Refusal.FEATURES, manifest_path(path), message)


def version_of(path: Path) -> str:
    """Return the version of a network without a manifest: its file's name."""
    # The ledger's column and its suffixes set the bounds; see VERSION_PATTERN.
    return re.sub(r"[^A-Za-z0-9._+-]", "-", path.stem)[:80] or "unnamed"
