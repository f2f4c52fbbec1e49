"""When this instance last put a checkpoint where others keep it, remembered in one small file.

Written by `manage.py anchor_ledger`, read by `/api/system`. The places themselves are the proof;
this only tells the operator that it was done.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

NAME = "anchored.json"


class Anchored(msgspec.Struct, frozen=True, kw_only=True):
    """One anchoring: what kind of place, how many entries the checkpoint is of, when."""

    to: str
    size: int
    at: datetime


def remember_anchored(var_dir: Path, to: str, size: int) -> None:
    """Write down that a checkpoint lies in a place of kind `to`. Raises OSError."""
    if not var_dir.is_dir():
        return  # anchored from where no instance runs: nobody here would ask
    draft = var_dir / f".{NAME}.tmp"
    draft.write_bytes(msgspec.json.encode(Anchored(to=to, size=size, at=datetime.now(UTC))))
    os.replace(draft, var_dir / NAME)


def last_anchored(var_dir: Path) -> dict[str, Any] | None:
    """Return to, size and at of the last anchoring; None where none is known."""
    try:
        known = msgspec.json.decode((var_dir / NAME).read_bytes(), type=Anchored)
    except (OSError, msgspec.DecodeError):
        return None
    return {"to": known.to, "size": known.size, "at": known.at.isoformat()}
