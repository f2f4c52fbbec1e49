"""Where a prediction stands in the transparency log, and whether that is signed yet.

Read by the record's pages.
"""

from dataclasses import dataclass

from predictions.models import Checkpoint, LedgerEntry
from predictions.moments import milliseconds


@dataclass(frozen=True, slots=True)
class LedgerLink:
    """size, signed_ms: of the first checkpoint that covers the leaf; None while none does."""

    leaf: int
    entry_hash: str
    logged_ms: int
    pruned: bool
    size: int | None
    signed_ms: int | None


def ledger_link(leaf: LedgerEntry) -> LedgerLink:
    """Find the first checkpoint that covers a leaf."""
    covering = Checkpoint.objects.filter(size__gt=leaf.index).order_by("size")
    first = covering.only("size", "signed_at").first()
    return LedgerLink(
        leaf=leaf.index,
        entry_hash=bytes(leaf.entry_hash).hex(),
        logged_ms=leaf.stream_ms,
        pruned=leaf.packed is None,
        size=None if first is None else first.size,
        signed_ms=None if first is None else milliseconds(first.signed_at),
    )
