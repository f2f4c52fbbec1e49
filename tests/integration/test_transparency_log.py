"""The log in the database: appended once, in order, and a tree of RFC 6962 at every size."""

import hashlib
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from inference.vocabulary import FORECASTS
from predictions.models import LedgerEntry, LogTile
from predictions.transparency.appending import NewEntry, append_entries, leaf_data
from predictions.transparency.tiles import (
    TILE_WIDTH,
    IncompleteTreeError,
    log_size,
    read_nodes,
    write_tiles,
)
from predictions.transparency.tree import (
    Growing,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from tests.integration.tampering import tampering

pytestmark = pytest.mark.django_db


def new_entry(number: int, packed: bytes = b"") -> NewEntry:
    packed = packed or f"entry {number}".encode()
    return NewEntry(FORECASTS, "test", 0, number, f"{number}-0", number, bytes(32), packed)


def append(*numbers: int) -> list[int]:
    with transaction.atomic():
        appended = append_entries([new_entry(number) for number in numbers])
    return [appended.leaves[new_entry(number).hash] for number in numbers]


def roots(leaves: Sequence[bytes]) -> list[bytes]:
    """Return the root of every size, from 0."""
    growing = Growing()
    found = [growing.root()]
    for leaf in leaves:
        growing.add(leaf)
        found.append(growing.root())
    return found


def leaves_to(count: int) -> list[bytes]:
    return [leaf_hash(f"{number}-0\nentry {number}".encode()) for number in range(count)]


def test_entries_get_their_leaves_in_the_order_given() -> None:
    assert append(0, 1, 2) == [0, 1, 2]
    assert append(7, 3) == [3, 4]
    assert list(LedgerEntry.objects.values_list("index", "number")) == [
        (0, 0), (1, 1), (2, 2), (3, 7), (4, 3),
    ]  # fmt: skip


def test_entry_that_comes_again_keeps_its_leaf() -> None:
    append(0, 1)
    with transaction.atomic():
        again = append_entries([new_entry(1), new_entry(2), new_entry(2), new_entry(0)])
    assert again.leaves == {new_entry(number).hash: number for number in (1, 2, 0)}
    assert again.new == {new_entry(2).hash}
    assert log_size() == 3


def test_leaf_holds_the_bytes_and_when_they_reached_the_log() -> None:
    append(0)
    row = LedgerEntry.objects.get()
    assert bytes(row.leaf_hash) == hashlib.sha256(b"\x000-0\nentry 0").digest()
    assert bytes(row.leaf_hash) == leaf_hash(leaf_data(row.stream_id, b"entry 0"))
    assert bytes(row.entry_hash) == hashlib.sha256(b"entry 0").digest()


def test_rolled_back_entry_leaves_no_trace() -> None:
    append(*range(200))
    with pytest.raises(RuntimeError), transaction.atomic():
        append_entries([new_entry(number) for number in range(200, 300)])
        raise RuntimeError
    assert (log_size(), LogTile.objects.count()) == (200, 0)
    assert append(250) == [200]


def test_tree_in_the_database_has_the_roots_of_its_leaves() -> None:
    numbers = iter(range(700))
    for count in (1, 2, 30, 222, 1, 1, 300, 143):
        append(*(next(numbers) for _ in range(count)))
    expected = roots(leaves_to(700))
    assert LogTile.objects.count() == 2
    for size in (0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 699, 700):
        assert root(size, read_nodes) == expected[size]
    for index, size in ((0, 1), (0, 700), (255, 256), (255, 257), (256, 700), (699, 700)):
        path = inclusion_proof(index, size, read_nodes)
        verify_inclusion(leaves_to(700)[index], index, size, path, expected[size])
    for first, second in ((1, 2), (3, 256), (256, 257), (300, 700), (512, 700), (700, 700)):
        path = consistency_proof(first, second, read_nodes)
        verify_consistency(first, second, expected[first], expected[second], path)


@pytest.fixture
def large_log() -> list[bytes]:
    """A log of 65,500 leaves, of which only those past the last full tile have entries."""
    leaves = leaves_to(65_500)
    write_tiles(0, leaves)
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            index=number,
            engine=FORECASTS,
            venue="test",
            shard=0,
            number=number,
            stream_id=f"{number}-0",
            stream_ms=number,
            made_ts=number,
            entry_hash=new_entry(number).hash,
            prev_hash=bytes(32),
            leaf_hash=leaves[number],
            packed=new_entry(number).packed,
        )
        for number in range(65_500 // TILE_WIDTH * TILE_WIDTH, 65_500)
    )
    return leaves


def test_log_grows_over_the_edge_of_a_tile_of_tiles(large_log: list[bytes]) -> None:
    append(*range(65_500, 65_530))
    append(*range(65_530, 66_100))
    expected = roots(leaves_to(66_100))
    assert list(LogTile.objects.filter(level=1).values_list("index", flat=True)) == [0]
    for size in (65_500, 65_535, 65_536, 65_537, 65_792, 66_100):
        assert root(size, read_nodes) == expected[size]
        path = inclusion_proof(40_000, size, read_nodes)
        verify_inclusion(large_log[40_000], 40_000, size, path, expected[size])
        path = consistency_proof(40_001, size, read_nodes)
        verify_consistency(40_001, size, expected[40_001], expected[size], path)


def test_an_append_and_a_proof_take_a_handful_of_queries(large_log: list[bytes]) -> None:
    entries = [new_entry(number) for number in range(65_500, 65_532)]
    with transaction.atomic(), CaptureQueriesContext(connection) as asked:
        append_entries(entries)
    assert len(asked) <= 4  # the lock (PostgreSQL), what is there, the size, the rows
    with CaptureQueriesContext(connection) as asked:
        inclusion_proof(40_000, 65_532, read_nodes)
    assert len(asked) <= 4


def test_missing_row_is_no_proof(large_log: list[bytes]) -> None:
    with tampering():
        LedgerEntry.objects.filter(index=65_490).delete()
    with pytest.raises(IncompleteTreeError, match="1 are missing"):
        root(65_500, read_nodes)


@pytest.mark.django_db(transaction=True)
def test_append_outside_a_transaction_is_refused() -> None:
    with pytest.raises(TransactionManagementError):
        append_entries([new_entry(0)])


@pytest.mark.django_db(transaction=True)
def test_several_recorders_append_without_a_gap_and_without_doubling() -> None:
    failures: list[Any] = []

    def record(start: int) -> None:
        try:
            for number in range(start, 120, 2):
                append(number, number + 1, number + 2)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=record, args=(start,)) for start in (0, 1, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    rows = list(LedgerEntry.objects.values_list("index", "number"))
    assert [index for index, _ in rows] == list(range(len(rows)))
    assert sorted(number for _, number in rows) == list(range(122))
    expected = roots([leaf_hash(f"{number}-0\nentry {number}".encode()) for _, number in rows])
    assert root(len(rows), read_nodes) == expected[-1]
