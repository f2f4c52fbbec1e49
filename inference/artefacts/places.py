"""Where a forecaster may lie, what its manifest must say, and the version of one without.

Read by the registry, which opens what lies there, and by the catalogue, which only tells of it.
"""

import re
from pathlib import Path

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.manifest import Manifest, features_difference, manifest_path
from inference.artefacts.manifest_files import check_digests
from inference.artefacts.versions import FORECASTER_NAME, VERSIONS_FOLDER, Slot, VersionStore
from inference.vocabulary import FORECASTS
from market.hot.vector import FEATURE_NAMES

FORECASTER = Slot(FORECASTS)


def network_places(configured: Path, base_dir: Path, var_dir: Path) -> tuple[Path, ...]:
    """Return where networks are looked for now, in the order in which they are tried.

    What is configured elsewhere than in `models/` wins over all; then what was promoted and what
    served before it; then what was put into `var/models/` by hand, and what is shipped.
    """
    store = VersionStore(var_dir)
    champion, previous = store.champion_link(FORECASTER), store.previous_link(FORECASTER)
    unpromoted = unpromoted_places(configured, base_dir, var_dir)
    if not champion.is_symlink():
        return unpromoted
    promoted = (champion / FORECASTER_NAME, previous / FORECASTER_NAME)
    if is_pinned(configured, base_dir):
        return tuple(dict.fromkeys((configured, *promoted, *unpromoted)))
    return (*promoted, *unpromoted)


def unpromoted_places(configured: Path, base_dir: Path, var_dir: Path) -> tuple[Path, ...]:
    """Return where the network lies that serves while nothing is promoted, in their order."""
    shipped_dir = base_dir / "models"
    put = var_dir / "models" / configured.name
    previous = put.with_name(f"{put.stem}.previous.onnx")
    first = put if put.exists() and not is_pinned(configured, base_dir) else configured
    shipped = (shipped_dir / configured.name, shipped_dir / FORECASTER_NAME)
    return tuple(dict.fromkeys((first, put, previous, *shipped)))


def settled(place: Path) -> Path:
    """Return a place with the version's own folder for the link that leads to it.

    Whoever reads several files reads them of one version then, wherever the link moves meanwhile.
    """
    return place.parent.resolve() / place.name if place.parent.is_symlink() else place


def is_pinned(configured: Path, base_dir: Path) -> bool:
    """Say whether the configuration names a network of its own, which nothing promoted replaces."""
    return configured.parent != base_dir / "models"


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
    """Return the version of a network without a manifest: its file's name, or its folder's."""
    folder = path.resolve().parent
    if folder.parent.parent.name == VERSIONS_FOLDER:
        return folder.name
    # The ledger's column and its suffixes set the bounds; see VERSION_PATTERN.
    return re.sub(r"[^A-Za-z0-9._+-]", "-", path.stem)[:80] or "unnamed"
