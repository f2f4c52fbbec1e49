"""The hash chains of the hand-over: each entry names the one before it, per venue and shard.

The leading loop writes them, so a link that is missing was lost, or withheld, before the ledger
had it. That is told, not counted as a fault: the tree cannot show what it never held.
"""

from predictions.models import LedgerEntry
from predictions.transparency.verifying.findings import Finding, Findings, Kind

Chain = tuple[str, str, int]
ROWS_A_TIME = 2_000


def check_chains(findings: Findings, size: int) -> None:
    """Follow every chain through the first `size` entries."""
    heads: dict[Chain, tuple[bytes, bytes]] = {}
    rows = (
        LedgerEntry.objects.filter(index__gte=0, index__lt=size)
        .order_by("venue", "engine", "number", "index")
        .values_list("venue", "engine", "shard", "number", "index", "entry_hash", "prev_hash")
    )
    for venue, engine, shard, number, index, entry_hash, prev_hash in rows.iterator(ROWS_A_TIME):
        digest, prev = bytes(entry_hash), bytes(prev_hash)
        head = heads.get((venue, engine, shard))
        heads[venue, engine, shard] = digest, prev
        findings.checked["links"] += 1
        if head is not None and prev == head[0]:
            continue
        name = f"{engine} {number} of {venue}, shard {shard}"
        if not any(prev):
            if head is not None:
                told = f"{name}: its chain began anew here; Redis had lost its state"
                findings.add(Finding(Kind.RESTART, "LedgerEntry", str(index), message=told))
        elif head is not None and prev == head[1]:
            told = f"{name}: follows the same entry as the one before it; Redis had lost that"
            findings.add(Finding(Kind.RESTART, "LedgerEntry", str(index), message=told))
        elif not LedgerEntry.objects.filter(entry_hash=prev).exists():
            told = f"{name}: the entry before it ({prev.hex()}) is not in the ledger"
            findings.add(Finding(Kind.GAP, "LedgerEntry", str(index), message=told))
