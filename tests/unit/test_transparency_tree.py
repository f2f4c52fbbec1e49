"""The Merkle tree, against RFC 6962's definitions written out here, and published vectors."""

import hashlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.transparency.tree import (
    EMPTY_ROOT,
    Growing,
    Node,
    OutsideTreeError,
    ProofError,
    complete_root,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

PUBLISHED_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""The vectors of Google's certificate-transparency, which every implementation is held to."""

PUBLISHED_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

PUBLISHED_INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}

PUBLISHED_CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}

Leaves = list[bytes]
SIZES = st.integers(1, 600)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def mth(leaves: Leaves) -> bytes:
    """RFC 6962, section 2.1: MTH(D[n])."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return sha(b"\x00" + leaves[0])
    k = largest_power_below(len(leaves))
    return sha(b"\x01" + mth(leaves[:k]) + mth(leaves[k:]))


def path(m: int, leaves: Leaves) -> list[bytes]:
    """RFC 6962, section 2.1.1: PATH(m, D[n])."""
    if len(leaves) == 1:
        return []
    k = largest_power_below(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: Leaves, whole: bool) -> list[bytes]:
    """RFC 6962, section 2.1.2: SUBPROOF(m, D[n], b)."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def largest_power_below(n: int) -> int:
    power = 1
    while power * 2 < n:
        power *= 2
    return power


def made(count: int) -> Leaves:
    return [index.to_bytes(2, "big") for index in range(count)]


class Stored:
    """Complete subtrees' hashes of a list of leaves; counts what it is asked for."""

    def __init__(self, leaves: Leaves) -> None:
        self.leaves = leaves
        self.asked = 0

    def __call__(self, nodes: Iterable[Node]) -> dict[Node, bytes]:
        wanted = list(nodes)
        self.asked += len(wanted)
        found = {}
        for node in wanted:
            start, end = node.position << node.height, (node.position + 1) << node.height
            assert end <= len(self.leaves), "asked for a subtree that is not complete"
            found[node] = complete_root(b"".join(map(leaf_hash, self.leaves[start:end])))
        return found


def as_hex(hashes: list[bytes]) -> list[str]:
    return [each.hex() for each in hashes]


def test_root_of_published_leaves_is_the_published_one() -> None:
    read = Stored(PUBLISHED_LEAVES)
    assert [root(size, read).hex() for size in range(1, 9)] == PUBLISHED_ROOTS


def test_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert root(0, Stored([])) == EMPTY_ROOT == Growing().root()
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("asked", "published"), PUBLISHED_INCLUSION.items())
def test_inclusion_proof_of_published_leaves_is_the_published_one(asked, published) -> None:
    index, size = asked
    proof = inclusion_proof(index, size, Stored(PUBLISHED_LEAVES))
    assert as_hex(proof) == published
    verify_inclusion(
        leaf_hash(PUBLISHED_LEAVES[index]),
        index,
        size,
        proof,
        bytes.fromhex(PUBLISHED_ROOTS[size - 1]),
    )


@pytest.mark.parametrize(("asked", "published"), PUBLISHED_CONSISTENCY.items())
def test_consistency_proof_of_published_leaves_is_the_published_one(asked, published) -> None:
    first, second = asked
    proof = consistency_proof(first, second, Stored(PUBLISHED_LEAVES))
    assert as_hex(proof) == published
    roots = [bytes.fromhex(PUBLISHED_ROOTS[size - 1]) for size in asked]
    verify_consistency(first, second, roots[0], roots[1], proof)


@given(SIZES, st.data())
def test_proofs_equal_the_recursive_definition(size: int, data: st.DataObject) -> None:
    leaves, index = made(size), data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size))
    read = Stored(leaves)
    assert root(size, read) == mth(leaves)
    assert inclusion_proof(index, size, read) == path(index, leaves)
    assert consistency_proof(first, size, read) == subproof(first, leaves, True)


@given(SIZES, st.data())
def test_verifying_accepts_the_proof_and_nothing_near_it(size: int, data: st.DataObject) -> None:
    leaves, index = made(size), data.draw(st.integers(0, size - 1))
    proof, top, leaf = path(index, leaves), mth(leaves), leaf_hash(leaves[index])
    verify_inclusion(leaf, index, size, proof, top)
    refused = [
        (leaf_hash(b"another"), index, size, proof, top),
        (leaf, index, size, [*proof, top], top),
        (leaf, index, size, proof, sha(top)),
        (leaf, size, size, proof, top),
    ]
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        refused.append((leaf, index, size, proof[:at] + proof[at + 1 :], top))
        refused.append((leaf, index, size, [*proof[:at], sha(proof[at]), *proof[at + 1 :]], top))
    if index ^ 1 < size:
        refused.append((leaf, index ^ 1, size, proof, top))
    for arguments in refused:
        with pytest.raises(ProofError):
            verify_inclusion(*arguments)


@given(SIZES, st.data())
def test_verifying_consistency_refuses_altered_history(size: int, data: st.DataObject) -> None:
    leaves, first = made(size), data.draw(st.integers(1, size))
    proof = subproof(first, leaves, True)
    roots = mth(leaves[:first]), mth(leaves)
    verify_consistency(first, size, *roots, proof)
    altered = list(leaves)
    altered[data.draw(st.integers(0, first - 1))] = b"rewritten"
    with pytest.raises(ProofError):
        verify_consistency(first, size, roots[0], mth(altered), subproof(first, altered, True))
    with pytest.raises(ProofError):
        verify_consistency(first, size, *roots, [*proof, roots[0]])
    if proof:
        with pytest.raises(ProofError):
            verify_consistency(first, size, *roots, proof[:-1])


def test_every_tree_is_consistent_with_the_empty_one() -> None:
    leaves = made(5)
    assert consistency_proof(0, 5, Stored(leaves)) == []
    verify_consistency(0, 5, EMPTY_ROOT, mth(leaves), [])
    with pytest.raises(ProofError):
        verify_consistency(0, 5, mth(leaves), mth(leaves), [])


@pytest.mark.parametrize(("first", "second"), [(6, 5), (-1, 5)])
def test_proofs_of_trees_that_are_not_there_are_refused(first: int, second: int) -> None:
    with pytest.raises(OutsideTreeError):
        consistency_proof(first, second, Stored(made(8)))
    with pytest.raises(OutsideTreeError):
        inclusion_proof(first, second, Stored(made(8)))
    with pytest.raises(ProofError):
        verify_consistency(first, second, EMPTY_ROOT, EMPTY_ROOT, [])


@given(st.integers(0, 300))
def test_growing_tree_has_the_root_of_its_leaves(size: int) -> None:
    growing = Growing()
    for leaf in made(size):
        growing.add(leaf_hash(leaf))
    assert (growing.size, growing.root()) == (size, mth(made(size)))


def test_a_proof_reads_few_hashes_however_large_the_tree() -> None:
    read: list[Node] = []

    def zeros(nodes: Iterable[Node]) -> dict[Node, bytes]:
        asked = list(nodes)
        read.extend(asked)
        return dict.fromkeys(asked, bytes(32))

    inclusion_proof(7_654_321, 10_000_019, zeros)
    consistency_proof(7_654_321, 10_000_019, zeros)
    assert len(read) < 100
