"""Every checkpoint against the tree of the entries, and against its signature."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from predictions.models import Checkpoint
from predictions.transparency.checkpoints import TreeHead, open_checkpoint
from predictions.transparency.notes import NoteError, Verifier
from predictions.transparency.tiles import log_size
from predictions.transparency.tree import Growing
from predictions.verifying.findings import Finding, Findings, Kind, shown

ROWS_A_TIME = 500


@dataclass(slots=True)
class CheckpointWalk:
    """Grows the tree leaf by leaf, and compares wherever somebody signed its size.

    trusted: keys that must have signed; empty: those that the checkpoints name themselves.
    against: earlier checkpoints that were kept elsewhere, already opened.
    """

    findings: Findings
    size: int
    trusted: Sequence[Verifier] = ()
    against: Sequence[TreeHead] = ()
    keys: Counter[str] = field(init=False, default_factory=Counter)
    newest: int = field(init=False, default=0)
    held: int = field(init=False, default=0)
    _tree: Growing = field(init=False, default_factory=Growing)
    _rows: Iterator[Checkpoint] = field(init=False)
    _next: Checkpoint | None = field(init=False)
    _given: dict[int, list[TreeHead]] = field(init=False, default_factory=dict)
    _agreed: int = field(init=False, default=0)
    _differing: int = field(init=False, default=0)
    _first_differing: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        for head in self.against:
            self._given.setdefault(head.size, []).append(head)
        rows = Checkpoint.objects.order_by("size")
        self._rows = rows.iterator(ROWS_A_TIME)
        self._next = next(self._rows, None)
        self._at_this_size()

    def add(self, leaf: bytes) -> None:
        """Take the next leaf's hash."""
        self._tree.add(leaf)
        self._at_this_size()

    def finish(self) -> None:
        """Tell what disagreed, and what states more entries than there are."""
        while self._next is not None:
            head = self._opened(self._next)
            if head is not None and head.size > self.size and not self._is_newer(head):
                self._too_few(f"{self._next.size}", head)
            self._next = next(self._rows, None)
        for head in self.against:
            if head.size > self.size:
                self._too_few(f"given, of {head.size}", head)
        if self._differing:
            told = (
                f"entries {self._agreed} to {self._first_differing - 1} are not those that were "
                f"signed; {self._differing} checkpoints from {self._first_differing} on disagree"
            )
            self.findings.add(Finding(Kind.ALTERED, "LedgerEntry", "tree", message=told))

    def _at_this_size(self) -> None:
        size = self._tree.size
        root = None
        while self._next is not None and self._next.size <= size:
            root = root or self._tree.root()
            self._check(self._next, root)
            self._next = next(self._rows, None)
        for head in self._given.get(size, ()):
            self._check_against(head, root or self._tree.root())

    def _check(self, row: Checkpoint, root: bytes) -> None:
        self.findings.checked["checkpoints"] += 1
        head = self._opened(row)
        if head is None:
            return
        self.findings.compare(
            "Checkpoint",
            row.size,
            {"size": (row.size, head.size), "root": (row.root, head.root)},
        )
        if head.size != self._tree.size:
            return
        if head.root == root:
            if not self._differing:
                self._agreed = head.size
            self.newest = head.size
        else:
            self._first_differing = self._first_differing or head.size
            self._differing += 1

    def _opened(self, row: Checkpoint) -> TreeHead | None:
        try:
            own = Verifier.from_vkey(row.vkey)
            head = open_checkpoint(row.note, self.trusted or [own])
            if own not in (self.trusted or [own]):
                # A trusted key signed it; the one that it is kept with is another.
                open_checkpoint(row.note, [own])
        except NoteError as error:
            self.findings.add(
                Finding(Kind.UNSIGNED, "Checkpoint", str(row.size), message=str(error))
            )
            return None
        self.keys[row.vkey] += 1
        return head

    def _check_against(self, head: TreeHead, root: bytes) -> None:
        if head.root != root:
            self.findings.altered(
                "LedgerEntry",
                "tree",
                f"root of the first {head.size}",
                root,
                head.root,
                "some of them are not those of the checkpoint that was given",
            )
            return
        self.held = max(self.held, head.size)
        if head.size and not Checkpoint.objects.filter(size=head.size).exists():
            told = "the checkpoint that was given is signed, and not in the ledger"
            self.findings.add(Finding(Kind.REMOVED, "Checkpoint", str(head.size), message=told))

    def _is_newer(self, head: TreeHead) -> bool:
        # Signed while this was running: entries beyond `size` are there as well.
        return head.size <= log_size()

    def _too_few(self, name: str, head: TreeHead) -> None:
        told = f"{head.size} entries were signed, and the log has {self.size}"
        self.findings.add(
            Finding(Kind.REMOVED, "LedgerEntry", "tree", message=f"checkpoint {name}: {told}")
        )


def key_notices(findings: Findings, keys: Counter[str], present: Verifier | None) -> None:
    """Tell of checkpoints that another key signed than the one that signs now."""
    for vkey, count in keys.items():
        if present is not None and vkey != present.vkey:
            told = f"signed {count} checkpoints, and is not this instance's key: {shown(vkey)}"
            findings.add(Finding(Kind.KEY, "Checkpoint", vkey.partition("+")[0], message=told))
