"""The Merkle tree of RFC 6962 and RFC 9162: hashes, proofs, and how they are verified.

Numbers and bytes only: where the hashes of complete subtrees come from is the caller's
(`predictions.transparency.tiles`). All of it needs O(log n) of them, whatever the size.
Source: RFC 9162, section 2.1.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


class ProofError(ValueError):
    """A proof does not show what it claims. Who was given it decides what that means."""


class OutsideTreeError(ValueError):
    """A leaf or an earlier tree is asked for that the tree does not hold."""


class Node(NamedTuple):
    """A complete subtree: leaves [position << height, (position + 1) << height)."""

    height: int
    position: int


ReadNodes = Callable[[Iterable[Node]], Mapping[Node, bytes]]
"""Answers with the hashes of complete subtrees, all of one proof at once."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf that holds `data`."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def complete_root(hashes: bytes) -> bytes:
    """Return the root over 2**k hashes, given one after the other."""
    while len(hashes) > HASH_BYTES:
        pairs = range(0, len(hashes), 2 * HASH_BYTES)
        hashes = b"".join(
            hashlib.sha256(b"\x01" + hashes[at : at + 2 * HASH_BYTES]).digest() for at in pairs
        )
    return hashes


def root(size: int, read: ReadNodes) -> bytes:
    """Return the root of the first `size` leaves."""
    if size == 0:
        return EMPTY_ROOT
    return _hashes([range(size)], read)[0]


def inclusion_proof(index: int, size: int, read: ReadNodes) -> list[bytes]:
    """Return the path from leaf `index` to the root of the first `size` leaves, leaf's end first.

    Raises OutsideTreeError where the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise OutsideTreeError(f"a tree of {size} leaves has no leaf {index}")
    return _hashes(_inclusion_ranges(index, size), read)


def consistency_proof(first: int, second: int, read: ReadNodes) -> list[bytes]:
    """Return the proof that the first `second` leaves begin with the first `first`.

    Raises OutsideTreeError where `first` is greater.
    """
    if not 0 <= first <= second:
        raise OutsideTreeError(f"a tree of {second} leaves cannot begin with one of {first}")
    return _hashes(_consistency_ranges(first, second), read)


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Check that `path` leads from the leaf's hash to the root of a tree of `size` leaves.

    Raises ProofError where it does not. Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} leaves has no leaf {index}")
    at, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ProofError("the proof has more hashes than the tree has levels")
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise ProofError("the proof has fewer hashes than the tree has levels")
    if found != root:
        raise ProofError("the proof leads to another root")


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]
) -> None:
    """Check that the tree of `second` leaves begins with that of `first`.

    Raises ProofError where the proof does not show it. Source: RFC 9162, section 2.1.4.2.
    """
    if not 0 <= first <= second:
        raise ProofError(f"a tree of {second} leaves cannot begin with one of {first}")
    if first in (0, second):
        # An empty tree begins every tree, and each tree itself: there is nothing to prove.
        same = first_root == (second_root if first else EMPTY_ROOT)
        if path or not same:
            raise ProofError("one tree was given two roots, or a proof that needs none")
        return
    steps = list(path) if first & (first - 1) else [first_root, *path]
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    if not steps:
        raise ProofError("the proof is empty")
    then = now = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            raise ProofError("the proof has more hashes than the tree has levels")
        if at & 1 or at == last:
            then, now = node_hash(sibling, then), node_hash(sibling, now)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            now = node_hash(now, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise ProofError("the proof has fewer hashes than the tree has levels")
    if then != first_root:
        raise ProofError("the proof leads to another root of the earlier tree")
    if now != second_root:
        raise ProofError("the proof leads to another root of the later tree")


class Growing:
    """The root of a tree that leaves are added to one by one, in O(log n) memory."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append a leaf's hash."""
        carried = self.size
        while carried & 1:
            leaf, carried = node_hash(self._peaks.pop(), leaf), carried >> 1
        self._peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root so far."""
        return _fold(self._peaks) if self._peaks else EMPTY_ROOT


def _inclusion_ranges(index: int, size: int) -> list[range]:
    start, end, found = 0, size, []
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            found.append(range(split, end))
            end = split
        else:
            found.append(range(start, split))
            start = split
    return found[::-1]


def _consistency_ranges(first: int, second: int) -> list[range]:
    if first in (0, second):
        return []
    start, end, found = 0, second, []
    while first != end:
        split = start + _split(end - start)
        if first <= split:
            found.append(range(split, end))
            end = split
        else:
            found.append(range(start, split))
            start = split
    if start:
        found.append(range(start, end))
    return found[::-1]


def _split(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


def _hashes(ranges: Iterable[range], read: ReadNodes) -> list[bytes]:
    covered = [_complete_subtrees(leaves) for leaves in ranges]
    known = read([node for nodes in covered for node in nodes])
    return [_fold([known[node] for node in nodes]) for nodes in covered]


def _complete_subtrees(leaves: range) -> list[Node]:
    # A range of a proof starts at a multiple of its own largest power of two.
    start, found = leaves.start, []
    while (left := leaves.stop - start) > 0:
        height = left.bit_length() - 1
        found.append(Node(height, start >> height))
        start += 1 << height
    return found


def _fold(hashes: Sequence[bytes]) -> bytes:
    *others, found = hashes
    for left in reversed(others):
        found = node_hash(left, found)
    return found
