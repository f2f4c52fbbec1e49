"""What runs that are over left: each sped-up or replayed run has folders of its own, one of
candles and one of recordings.

Their times are nobody else's, so no later run reads them. Read by the market process at a
run's start, and by grading, for which such a run is over once another began.
"""

import shutil
from collections.abc import Collection
from pathlib import Path
from urllib.parse import unquote

import structlog

from market.clock import MADE_UP

KEPT_RUNS = 3
"""The newest, the one that begins among them."""

log = structlog.get_logger(__name__)


def remove_old_runs(root: Path, venue: str, keep: Collection[Path] = ()) -> None:
    """Remove the folders of all numbered runs but the newest, before the run `venue` begins.

    keep: paths that are being read; a folder that one of them lies in stays. Does nothing
    where `venue` is no numbered run. What cannot be removed is logged and left.
    """
    if not is_numbered(venue) or not root.is_dir():
        return
    runs = {unquote(each.name): each for each in root.iterdir() if is_numbered(unquote(each.name))}
    # What lies there is of a run before Redis forgot how many there were.
    same = runs.pop(venue, None)
    # By time, not by number: the count begins anew with an empty Redis.
    newest_first = sorted(runs.values(), key=_begun, reverse=True)
    for folder in ([same] if same else []) + newest_first[KEPT_RUNS - 1 :]:
        if any(path.is_relative_to(folder) for path in keep):
            continue
        try:
            shutil.rmtree(folder)
        except OSError as error:
            log.warning("old_run_not_removed", venue=unquote(folder.name), error=str(error))
        else:
            log.info("old_run_removed", venue=unquote(folder.name))


def is_numbered(venue: str) -> bool:
    """Return whether a venue is one run of a made-up market, whose time is nobody else's."""
    name, _, number = venue.rpartition("/")
    return bool(name) and number.isdecimal() and venue.startswith(MADE_UP)


def _begun(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
