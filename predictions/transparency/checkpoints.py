"""Checkpoints (C2SP tlog-checkpoint): signed statements of the tree's size and root.

Who holds one can tell ever after whether the log was rewritten since.
Source: https://c2sp.org/tlog-checkpoint
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from predictions.models import Checkpoint
from predictions.transparency.appending import lock_log
from predictions.transparency.notes import NoteError, Signer, Verifier, decode_base64, open_note
from predictions.transparency.tiles import log_size, read_nodes
from predictions.transparency.tree import (
    HASH_BYTES,
    ProofError,
    consistency_proof,
    root,
    verify_consistency,
)

MAX_SIZE = 2**63 - 1
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


class InconsistentLogError(RuntimeError):
    """The log does not begin with what was signed before; nothing more is signed.

    The operator acts: `manage.py verify_ledger` names what was altered.
    """


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a checkpoint states: the first `size` leaves of the log `origin` have this root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def from_text(cls, text: str) -> "TreeHead":
        """Read the text of a checkpoint. Raises NoteError where it is none."""
        *lines, end = text.split("\n")
        if end or len(lines) < 3 or "" in lines:
            raise NoteError("a checkpoint is origin, size and root, a line each")
        origin, size, encoded = lines[:3]
        if not _DECIMAL.fullmatch(size) or int(size) > MAX_SIZE:
            raise NoteError(f"a checkpoint's size is a whole number, not {size!r:.40}")
        decoded = decode_base64(encoded)
        if len(decoded) != HASH_BYTES:
            raise NoteError(f"a checkpoint's root has {HASH_BYTES} bytes, not {len(decoded)}")
        return cls(origin, int(size), decoded)


def open_checkpoint(note: str, verifiers: Iterable[Verifier]) -> TreeHead:
    """Return what a signed checkpoint states.

    Raises NoteError where it is malformed or none of the keys signed it.
    """
    return TreeHead.from_text(open_note(note, verifiers))


def sign_checkpoint(signer: Signer) -> Checkpoint | None:
    """Sign and store the tree's present state; None where it has not grown since the last.

    Raises InconsistentLogError or IncompleteTreeError where the log is no longer what was
    signed before.
    """
    with transaction.atomic():
        lock_log()
        size, last = log_size(), newest_checkpoint()
        if size == (last.size if last else 0):
            return None
        head = TreeHead(signer.name, size, root(size, read_nodes))
        if last:
            _check_grown(last, head)
        return Checkpoint.objects.create(
            size=size, root=head.root, note=signer.sign(head.text), vkey=signer.verifier.vkey
        )


def newest_checkpoint() -> Checkpoint | None:
    """Return the checkpoint of the greatest tree, or None before the first."""
    return Checkpoint.objects.order_by("-size").first()


def _check_grown(last: Checkpoint, head: TreeHead) -> None:
    if head.size < last.size:
        raise InconsistentLogError(
            f"the log has {head.size} entries, and {last.size} were signed: "
            "run manage.py verify_ledger"
        )
    path = consistency_proof(last.size, head.size, read_nodes)
    try:
        verify_consistency(last.size, head.size, bytes(last.root), head.root, path)
    except ProofError as error:
        raise InconsistentLogError(
            f"the first {last.size} entries are not those that were signed ({error}): "
            "run manage.py verify_ledger"
        ) from error
