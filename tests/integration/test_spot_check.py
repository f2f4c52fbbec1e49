"""The recorder's cheap look at the ledger: what was signed is there, or it is said."""

import random

import pytest
import redis

from predictions.models import Checkpoint, LedgerEntry, LogTile
from predictions.transparency.spot_check import SpotCheckChore, find_fault
from tests.integration.checked_ledger import record_all
from tests.integration.ledger import stored_leaf
from tests.integration.tampering import tampering

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ledger(clean_redis: redis.Redis, redis_url: str) -> None:
    """A signed ledger of some ticks and batches."""
    with redis.Redis.from_url(redis_url, socket_timeout=5) as client:
        record_all(client)


def looked() -> str:
    return find_fault(random.Random(1))


def test_spot_check_of_a_ledger_as_it_was_signed_finds_nothing() -> None:
    assert Checkpoint.objects.exists()
    assert looked() == ""


def test_spot_check_of_an_empty_ledger_finds_nothing() -> None:
    with tampering():
        Checkpoint.objects.all().delete()

    assert looked() == ""


def test_spot_check_finds_altered_bytes() -> None:
    newest = LedgerEntry.objects.latest("index")
    with tampering():
        LedgerEntry.objects.filter(index=newest.index).update(packed=b"other")

    assert looked() == f"entry {newest.index} is not what was stored"


def test_spot_check_finds_an_altered_tree() -> None:
    with tampering():
        LedgerEntry.objects.filter(index=0).update(leaf_hash=b"0" * 32)

    assert "not those that were signed" in looked()


def test_spot_check_finds_removed_entries() -> None:
    for _ in range(5):
        stored_leaf()
    size = LedgerEntry.objects.count()
    with tampering():
        LedgerEntry.objects.filter(index=size - 2).delete()
    assert "missing" in looked()

    sign_checkpoint_of(size)
    with tampering():
        LedgerEntry.objects.filter(index=size - 1).delete()

    assert looked() == f"the ledger has {size - 2} entries, and {size} were signed"


def sign_checkpoint_of(size: int) -> None:
    Checkpoint.objects.create(size=size, root=b"0" * 32, note="n", vkey="v")


def test_spot_check_that_found_something_says_so_until_the_process_ends() -> None:
    chore = SpotCheckChore()
    newest = LedgerEntry.objects.latest("index")
    with tampering():
        LedgerEntry.objects.filter(index=newest.index).update(packed=b"other")
        chore.run()
        LedgerEntry.objects.filter(index=newest.index).update(packed=newest.packed)
        chore.run()

    assert "not what was stored" in chore.detail()["error"]
    assert LogTile.objects.count() == 0
