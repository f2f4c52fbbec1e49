"""`verify_ledger` while the recorder goes on: what comes meanwhile is left out, and no fault."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connection, transaction

from predictions.models import Checkpoint, Forecast, LedgerEntry, LogTile
from predictions.transparency.appending import append_entries
from predictions.transparency.checkpoints import sign_checkpoint
from predictions.transparency.tiles import TILE_WIDTH
from tests.integration.checked_ledger import SIGNER, TICKS, chained, check, ticks
from tests.integration.ledger import drain, new_recorder, publish
from tests.integration.tampering import tampering_undone
from tests.integration.test_transparency_log import new_entry

pytestmark = pytest.mark.django_db

MORE = 6


class AtQuery:
    """Does something once, just before the n-th question that the check asks of the database."""

    def __init__(self, number: int, act: Callable[[], object]) -> None:
        self.left, self.act = number, act

    def __call__(self, execute: Callable[..., Any], *asked: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            self.act()
        return execute(*asked)


def grow(client: redis.Redis) -> None:
    """Record, grade, fill a tile and sign, all beyond what was there."""
    publish(client, *chained(ticks(TICKS + MORE))[TICKS:])
    drain(new_recorder(client))
    with transaction.atomic():
        append_entries([new_entry(number) for number in range(TILE_WIDTH)])
    sign_checkpoint(SIGNER)


def count_queries(tmp_path: Path) -> int:
    counter = AtQuery(0, lambda: None)
    with connection.execute_wrapper(counter):
        check(tmp_path)
    return -counter.left


def test_what_is_recorded_while_the_check_runs_is_no_fault(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    size = LedgerEntry.objects.count()
    asked = count_queries(tmp_path)
    assert asked > 10
    for number in range(1, asked + 1):
        with tampering_undone():
            with connection.execute_wrapper(AtQuery(number, lambda: grow(recorded))):
                found, verification = check(tmp_path)
            assert LedgerEntry.objects.count() == size + MORE + TILE_WIDTH
            assert (Forecast.objects.count(), LogTile.objects.count()) == (2 * (TICKS + MORE), 1)
            if number == 1:
                continue  # it came before the size was asked
            assert found == [], f"recorded before question {number}"
            assert verification.size == size
    assert Checkpoint.objects.count() == 2
