"""`verify_ledger` tells where entries were recorded for long without a checkpoint."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from predictions.models import Checkpoint, LedgerEntry
from predictions.transparency.checkpoints import sign_checkpoint
from predictions.verifying.findings import Finding, Findings, Kind
from predictions.verifying.signing_gaps import find_signing_gaps
from tests.integration.checked_ledger import SIGNER
from tests.integration.tampering import tampering
from tests.integration.test_transparency_log import append

pytestmark = pytest.mark.django_db

EACH = timedelta(minutes=4)
ENTRIES = 10


def told(size: int = ENTRIES) -> list[Finding]:
    found: list[Finding] = []
    find_signing_gaps(Findings(found.append), size)
    return found


def record(begun: datetime, count: int = ENTRIES) -> None:
    """Record an entry every four minutes, and sign after each."""
    for number in range(count):
        append(number)
        sign_checkpoint(SIGNER)
        moment = begun + number * EACH
        with tampering():
            LedgerEntry.objects.filter(index=number).update(recorded_at=moment)


def remove_checkpoints(*sizes: int) -> None:
    with tampering():
        Checkpoint.objects.filter(size__in=sizes).delete()


def test_ledger_that_was_signed_all_along_has_no_gap() -> None:
    record(datetime(2026, 5, 1, tzinfo=UTC))
    assert told() == []
    remove_checkpoints(4, 5)  # eight minutes are not yet told
    assert told() == []


def test_removed_checkpoints_leave_a_gap_from_when_to_when() -> None:
    record(datetime(2026, 5, 1, 12, tzinfo=UTC))
    remove_checkpoints(4, 5, 6)
    [gap] = told()
    assert (gap.kind, gap.kind.is_fault, gap.row) == (Kind.LATE_SIGNED, False, "3 to 6")
    assert "from 2026-05-01 12:12:00 UTC to 2026-05-01 12:24:00 UTC" in gap.message
    assert "no checkpoint between" in gap.message


def test_removed_newest_checkpoints_leave_a_gap_until_now() -> None:
    record(datetime(2026, 5, 1, 12, tzinfo=UTC))
    remove_checkpoints(10)
    [gap] = told()
    assert gap.row == "9 to 9" and "no checkpoint since" in gap.message


def test_log_without_any_checkpoint_is_told_once_it_is_old() -> None:
    record(datetime.now(UTC) - EACH, count=2)
    remove_checkpoints(*range(1, 11))
    assert told(2) == []
    with tampering():
        LedgerEntry.objects.filter(index=0).update(
            recorded_at=datetime.now(UTC) - timedelta(minutes=11)
        )
    [gap] = told(2)
    assert gap.row == "0 to 1"


def test_entries_that_came_since_the_start_are_left_out() -> None:
    record(datetime(2026, 5, 1, tzinfo=UTC))
    remove_checkpoints(8, 9)
    assert told(7) == []
    assert told(0) == []


def test_removed_entry_at_the_edge_of_a_gap_is_no_gap() -> None:
    record(datetime(2026, 5, 1, tzinfo=UTC))
    remove_checkpoints(4, 5, 6)
    with tampering():
        LedgerEntry.objects.filter(index=3).delete()
    assert told() == []


def test_time_of_recording_that_is_none_is_named() -> None:
    record(datetime(2026, 5, 1, tzinfo=UTC), count=3)
    if connection.vendor == "postgresql":  # which holds times alone in such a column
        return
    for garbage in ("soon", "2026-13-01 00:00:00"):
        with tampering(), connection.cursor() as cursor:
            cursor.execute(
                'UPDATE predictions_ledgerentry SET recorded_at = %s WHERE "index" = 1', [garbage]
            )
        assert [each.kind for each in told(3)] == [Kind.ALTERED]
