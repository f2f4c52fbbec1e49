"""The database as an operator asks of it: its size, the last commit, what was signed and anchored.

Read by `/api/system`. A few look-ups by index, and nothing that is counted row by row.
"""

from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from predictions.models import Checkpoint, LedgerEntry, Pruning
from predictions.retention.storage import database_bytes
from predictions.transparency.anchored import last_anchored
from predictions.transparency.verified import last_verified


def ledger_facts(var_dir: Path) -> dict[str, Any]:
    """Return the facts. Raises django.db.DatabaseError or InterfaceError where it is away."""
    newest = LedgerEntry.objects.order_by("-index").values("index", "recorded_at").first()
    signed = Checkpoint.objects.order_by("-size").values("size", "signed_at").first()
    pruned = Pruning.objects.order_by("-id").values_list("pruned_at", flat=True).first()
    entries = 0 if newest is None else newest["index"] + 1
    return {
        "vendor": connection.vendor,
        "bytes": database_bytes(),
        "entries": entries,
        "last_commit_at": _moment(None if newest is None else newest["recorded_at"]),
        "last_commit_age_seconds": _age(None if newest is None else newest["recorded_at"]),
        "checkpoint": None
        if signed is None
        else {
            "size": signed["size"],
            "signed_at": _moment(signed["signed_at"]),
            "age_seconds": _age(signed["signed_at"]),
            "entries_since": entries - signed["size"],
        },
        "anchored": last_anchored(var_dir),
        "verified": last_verified(var_dir),
        "last_pruned_at": _moment(pruned),
    }


def _moment(at: Any) -> str | None:
    return None if at is None else str(at.isoformat())


def _age(at: Any) -> float | None:
    return None if at is None else round(max(0.0, (timezone.now() - at).total_seconds()), 1)
