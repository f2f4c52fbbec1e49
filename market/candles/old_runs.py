"""Candles of runs that are over: each sped-up or replayed run leaves a folder of its own.

Their times are nobody else's, so no later run reads them. Read by the market process at a
run's start.
"""

import shutil
from pathlib import Path
from urllib.parse import unquote

import structlog

from market.clock import MADE_UP

KEPT_RUNS = 3
"""The newest, the one that begins among them."""

log = structlog.get_logger(__name__)


def remove_old_runs(root: Path, venue: str) -> None:
    """Remove the folders of all numbered runs but the newest, before the run `venue` begins.

    Does nothing where `venue` is no numbered run. What cannot be removed is logged and left.
    """
    if not _numbered(venue) or not root.is_dir():
        return
    runs = {unquote(each.name): each for each in root.iterdir() if _numbered(unquote(each.name))}
    # What lies there is of a run before Redis forgot how many there were.
    same = runs.pop(venue, None)
    # By time, not by number: the count begins anew with an empty Redis.
    newest_first = sorted(runs.values(), key=_begun, reverse=True)
    for folder in ([same] if same else []) + newest_first[KEPT_RUNS - 1 :]:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            log.warning("old_run_not_removed", venue=unquote(folder.name), error=str(error))
        else:
            log.info("old_run_removed", venue=unquote(folder.name))


def _numbered(venue: str) -> bool:
    name, _, number = venue.rpartition("/")
    return bool(name) and number.isdecimal() and venue.startswith(MADE_UP)


def _begun(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
