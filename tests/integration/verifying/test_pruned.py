"""`verify_ledger` on a pruned ledger: what pruning may have taken is told, all else is a fault."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from predictions.accuracy.rollups import hours_from_rows, packed
from predictions.models import Forecast, ForecastOutcome, ForecastRollup, LedgerEntry, Pruning
from predictions.transparency.checkpoints import sign_checkpoint
from predictions.verifying.findings import Kind
from tests.integration.checked_ledger import SIGNER, check, faults, ticks
from tests.integration.ledger import FIRST_TICK_MS
from tests.integration.tampering import tampering
from tests.integration.test_pruning import DAY, add_up, prune, record

pytestmark = pytest.mark.django_db


def made_prunable(days_ago: float = 40.0) -> None:
    """Let everything be stored so long ago, and the hour of forecasts be added up."""
    with tampering():
        LedgerEntry.objects.update(recorded_at=datetime.now(UTC) - timedelta(days=days_ago))
    for hour in hours_from_rows("test", FIRST_TICK_MS):
        packed(hour).save()


def noted(before_ts: int, rows: int = 0) -> None:
    Pruning.objects.create(
        engine="forecasts", venue="test", before_ts=before_ts, rows=rows, open=False
    )


def removed_before(before_ts: int, *, with_bytes: bool = True) -> int:
    """Remove forecasts as pruning would; return how many."""
    with tampering():
        gone = Forecast.objects.filter(prediction_ts__lt=before_ts)
        ForecastOutcome.objects.filter(forecast__in=gone).delete()
        rows = gone.delete()[0]
        if with_bytes:
            old = LedgerEntry.objects.filter(engine="forecasts", made_ts__lt=before_ts)
            old.update(packed=None)
    return rows


def test_forged_pruning_of_a_young_ledger_excuses_nothing(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    before_ts = ticks()[10].tick_ms
    made_prunable(days_ago=0)
    noted(before_ts, rows=removed_before(before_ts))
    assert [(each.kind, each.field) for each in faults(tmp_path)] == [(Kind.ALTERED, "packed")] * 10


@pytest.mark.parametrize(("days", "faulty"), [(7, False), (30, True)])
def test_pruning_of_what_is_younger_than_the_retention_is_a_fault(
    recorded: redis.Redis, tmp_path: Path, days: int, faulty: bool
) -> None:
    before_ts = ticks()[10].tick_ms
    made_prunable(days_ago=10)
    noted(before_ts, rows=removed_before(before_ts))
    assert bool(faults(tmp_path, retention_days=days)) is faulty


def test_pruning_from_the_future_excuses_nothing(recorded: redis.Redis, tmp_path: Path) -> None:
    before_ts = ticks()[10].tick_ms
    made_prunable(days_ago=0)
    noted(before_ts, rows=removed_before(before_ts))
    with tampering():
        Pruning.objects.update(pruned_at=datetime.now(UTC) + timedelta(days=60))
    assert {each.field for each in faults(tmp_path)} == {"packed"}


def test_pruning_of_an_hour_without_rollups_is_a_fault(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    before_ts = ticks()[10].tick_ms
    made_prunable()
    noted(before_ts, rows=removed_before(before_ts))
    assert faults(tmp_path) == []
    ForecastRollup.objects.all().delete()
    assert {each.field for each in faults(tmp_path)} == {"packed"}


def test_more_gone_than_prunings_took_is_a_fault(recorded: redis.Redis, tmp_path: Path) -> None:
    before_ts = ticks()[10].tick_ms
    made_prunable()
    noted(before_ts, rows=removed_before(before_ts) - 1)
    [fault] = faults(tmp_path)
    assert (fault.model, fault.row, fault.field) == ("Pruning", "test", "rows")
    assert (fault.stored, fault.expected) == ("19", "20")


def test_forecasts_gone_without_the_bytes_that_say_them_are_removed(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    before_ts = ticks()[10].tick_ms
    made_prunable()
    noted(before_ts, rows=removed_before(before_ts, with_bytes=False))
    found = faults(tmp_path)
    assert {(each.kind, each.model) for each in found} >= {(Kind.REMOVED, "Forecast")}
    assert sum(each.model == "Forecast" for each in found) == 20


def test_pruned_entries_keep_their_hashes_and_are_told(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    before_ts = ticks()[10].tick_ms
    made_prunable()
    with tampering():
        gone = Forecast.objects.filter(prediction_ts__lt=before_ts)
        ForecastOutcome.objects.filter(forecast__in=gone).delete()
        gone.delete()
        LedgerEntry.objects.filter(engine="forecasts", made_ts__lt=before_ts).update(packed=None)
    fields = {each.field for each in faults(tmp_path) if each.model != "ForecastRollup"}
    assert fields == {"packed"}
    noted(before_ts, rows=20)
    found, verification = check(tmp_path)
    assert found == []
    assert verification.findings.checked["pruned entries"] == 10
    with tampering():
        LedgerEntry.objects.filter(index=4).update(leaf_hash=bytes(32))
    assert any(each.row == "tree" for each in faults(tmp_path))


def test_ledger_that_was_pruned_by_the_product_has_nothing_that_differs(
    binary: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(binary, monkeypatch, *range(15), days_ago=40)
    record(binary, monkeypatch, *range(2 * DAY, 2 * DAY + 6))
    sign_checkpoint(SIGNER)
    assert faults(tmp_path) == []
    add_up()
    prune()
    found, verification = check(tmp_path)
    assert [each for each in found if each.kind.is_fault] == []
    assert verification.findings.checked["pruned entries"] == 15
    assert verification.findings.checked["Forecast"] == 12
    assert verification.signed == 21


def test_row_under_a_pruned_entry_is_named(recorded: redis.Redis, tmp_path: Path) -> None:
    made_prunable()
    noted(ticks()[1].tick_ms)
    with tampering():
        LedgerEntry.objects.filter(index=0).update(packed=None)
    found = faults(tmp_path)
    assert {(each.kind, each.model) for each in found} == {(Kind.INSERTED, "Forecast")}
