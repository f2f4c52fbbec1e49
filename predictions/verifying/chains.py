"""The hash chains of the hand-over: each entry names the one before it, per venue and shard.

The leading loop writes them, so a link that is missing was lost, or withheld, before the ledger
had it. That is told, not counted as a fault: the tree cannot show what it never held. No loop
goes on from another chain's entry, whatever Redis lost: that is a fault.
"""

from collections.abc import Iterator

from django.db.models import Count

from inference.handover.chain import GENESIS
from predictions.models import LedgerEntry
from predictions.verifying.findings import Finding, Findings, Kind
from predictions.verifying.leaves import as_bytes

Chain = tuple[str, str, int]
"""A venue, an engine and a shard."""

ROWS_A_TIME = 2_000
FORKS_A_TIME = 200
NAME = LedgerEntry.__name__
_OF_CHAIN = ("venue", "engine", "shard")


def check_chains(findings: Findings, size: int) -> None:
    """Follow every chain through the first `size` entries."""
    heads: dict[Chain, bytes] = {}
    rows = (
        LedgerEntry.objects.filter(index__gte=0, index__lt=size)
        .order_by("venue", "engine", "number", "index")
        .values_list(*_OF_CHAIN, "number", "index", "entry_hash", "prev_hash")
    )
    for *named, number, index, entry_hash, prev_hash in rows.iterator(ROWS_A_TIME):
        venue, engine, shard = named
        chain, prev = (venue, engine, shard), as_bytes(prev_hash)
        head = heads.get(chain)
        heads[chain] = as_bytes(entry_hash)
        findings.checked["links"] += 1
        if prev == head:
            continue
        name = f"{engine} {number} of {venue}, shard {shard}"
        if any(prev):
            _check_link(findings, index, name, chain, prev)
        elif head is not None:
            told = f"{name}: its chain began anew here; Redis had lost its state"
            findings.add(Finding(Kind.RESTART, NAME, str(index), message=told))
    _find_forks(findings, size)


def _check_link(findings: Findings, index: int, name: str, chain: Chain, prev: bytes) -> None:
    before = LedgerEntry.objects.filter(entry_hash=prev).values_list("index", *_OF_CHAIN).first()
    if before is None:
        told = f"{name}: the entry before it ({prev.hex()}) is not in the ledger"
        findings.add(Finding(Kind.GAP, NAME, str(index), message=told))
    elif before[1:] != chain:
        venue, engine, shard = before[1:]
        other = f"entry {before[0]}, which is of {engine} of {venue}, shard {shard}"
        told = f"{name}: names as the one before it {other}; no loop writes that"
        findings.add(Finding(Kind.INSERTED, NAME, str(index), message=told))


def _find_forks(findings: Findings, size: int) -> None:
    for prevs in _named_again(size):
        first: dict[bytes, int] = {}
        rows = LedgerEntry.objects.filter(index__gte=0, index__lt=size, prev_hash__in=prevs)
        for index, prev in rows.order_by("index").values_list("index", "prev_hash"):
            before = first.setdefault(as_bytes(prev), index)
            if before != index:
                told = (
                    f"follows the same entry as {before} does: Redis had lost that one, or "
                    "somebody else than the leading loop wrote to its log"
                )
                findings.add(Finding(Kind.FORK, NAME, str(index), message=told))


def _named_again(size: int) -> Iterator[list[bytes]]:
    # The database sorts them, on disk where they are many.
    rows = (
        LedgerEntry.objects.filter(index__gte=0, index__lt=size)
        .exclude(prev_hash=GENESIS)
        .order_by()
        .values_list("prev_hash")
        .annotate(times=Count("index"))
        .filter(times__gt=1)
    )
    found = []
    for prev, _ in rows.iterator(ROWS_A_TIME):
        found.append(as_bytes(prev))
        if len(found) == FORKS_A_TIME:
            yield found
            found = []
    if found:
        yield found
