"""Proofs as files (C2SP tlog-proof): an entry's path to a signed checkpoint, checked offline.

Source: https://c2sp.org/tlog-proof
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass

from predictions.models import Checkpoint
from predictions.transparency.checkpoints import TreeHead, open_checkpoint
from predictions.transparency.notes import NoteError, Verifier, decode_base64
from predictions.transparency.tiles import read_nodes
from predictions.transparency.tree import (
    HASH_BYTES,
    ProofError,
    inclusion_proof,
    leaf_hash,
    verify_inclusion,
)

HEADER = "c2sp.org/tlog-proof@v1"
LONGEST_PATH = 64
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A leaf's index, its path to the root (leaf's end first), and the signed checkpoint.

    extra: data of the giver's that nothing attests.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""

    @property
    def text(self) -> str:
        """The file."""
        extra = [f"extra {_encode(self.extra)}"] if self.extra else []
        lines = [HEADER, *extra, f"index {self.index}", *map(_encode, self.path), ""]
        return "\n".join(lines) + "\n" + self.checkpoint

    @classmethod
    def from_text(cls, text: str) -> "TlogProof":
        """Read a file. Raises ProofError where it is none."""
        head, gap, checkpoint = text.partition("\n\n")
        header, *lines = head.split("\n")
        if header != HEADER or not gap:
            raise ProofError(
                f"a proof begins with {HEADER}, and has a checkpoint after a blank line"
            )
        try:
            extra = b""
            if lines and lines[0].startswith("extra "):
                extra = decode_base64(lines.pop(0).removeprefix("extra "))
            index = _INDEX.fullmatch(lines[0]) if lines else None
            path = tuple(map(decode_base64, lines[1:]))
        except NoteError as error:
            raise ProofError(str(error)) from error
        if index is None:
            raise ProofError("a proof names the leaf's index")
        if len(path) > LONGEST_PATH or any(len(each) != HASH_BYTES for each in path):
            raise ProofError(f"a path is at most {LONGEST_PATH} hashes of {HASH_BYTES} bytes")
        return cls(int(index[1]), path, checkpoint, extra)

    def verify(self, leaf: bytes, verifiers: Iterable[Verifier]) -> TreeHead:
        """Return the tree that holds `leaf` at the index, as one of the keys signed it.

        Raises ProofError where the proof does not show that, NoteError where no key signed it.
        """
        head = open_checkpoint(self.checkpoint, verifiers)
        verify_inclusion(leaf_hash(leaf), self.index, head.size, self.path, head.root)
        return head


def prove(index: int, checkpoint: Checkpoint) -> TlogProof:
    """Return the proof of leaf `index` in the tree of a stored checkpoint.

    Raises OutsideTreeError where that tree has no such leaf.
    """
    path = inclusion_proof(index, checkpoint.size, read_nodes)
    return TlogProof(index, tuple(path), checkpoint.note)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
