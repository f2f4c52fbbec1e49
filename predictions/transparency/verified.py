"""What the last check of the whole ledger found, remembered in one small file.

Written by `manage.py verify_ledger`, read by `/api/system` and the alerts.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from market.files import replace_whole

NAME = "verified.json"


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """One check. faults: places that differ; against: whether checkpoints kept elsewhere helped."""

    at: datetime
    faults: int
    against: bool


def remember_verified(var_dir: Path, faults: int, *, against: bool) -> None:
    """Write down what a check found. Raises OSError.

    Faults that only checkpoints kept elsewhere show are not undone by a check without them.
    """
    if not var_dir.is_dir():
        return  # checked from where no instance runs
    known = _read(var_dir)
    if known is not None and known.faults and known.against and not against and not faults:
        return
    told = Verified(at=datetime.now(UTC), faults=faults, against=against)
    replace_whole(var_dir / NAME, lambda file: file.write(msgspec.json.encode(told)))


def last_verified(var_dir: Path) -> dict[str, Any] | None:
    """Return at, faults and against of the last check; None where none is known."""
    known = _read(var_dir)
    if known is None:
        return None
    return {"at": known.at.isoformat(), "faults": known.faults, "against": known.against}


def _read(var_dir: Path) -> Verified | None:
    try:
        return msgspec.json.decode((var_dir / NAME).read_bytes(), type=Verified)
    except (OSError, msgspec.DecodeError):
        return None
