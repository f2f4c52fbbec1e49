"""`verify_ledger`: whatever is altered, removed or inserted is found, and named."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from predictions.models import (
    Checkpoint,
    Forecast,
    ForecastOutcome,
    LedgerEntry,
    Signal,
    SignalGap,
    SignalOutcome,
)
from predictions.verifying.findings import Kind
from tests.integration.checked_ledger import MODELS, SIGNER, TICKS, chained, check, faults, ticks
from tests.integration.ledger import drain, new_recorder, publish
from tests.integration.tampering import tampering, tampering_undone

pytestmark = pytest.mark.django_db

NOT_COVERED = {"id", "recorded_at", "graded_at", "signed_at"}
TAKEN_ON_TRUST: dict[type[models.Model], set[str]] = {
    # Of candles that are not stored in these tests, so that the path cannot be walked again.
    SignalOutcome: {
        "status", "reason", "result", "touched", "path_timeframe", "ended_ts", "entry_gap_bp",
        "stop_loss_ts", "take_profit_2_ts", "take_profit_3_ts", "eta_covered", "entry_opens",
    },
}  # fmt: skip


def changed(field: Any, value: Any) -> Any:
    """Return another value that the column can hold."""
    if isinstance(field, models.BinaryField):
        return bytes(value or b"\x00")[:-1] + bytes([(bytes(value or b"\x00")[-1] ^ 1)])
    if isinstance(field, models.BooleanField):
        return not value
    if isinstance(field, models.JSONField):
        return [*value, 1]
    if isinstance(field, models.DateTimeField):
        return value + timedelta(microseconds=1)
    if isinstance(field, models.FloatField):
        return 1.0 if value is None else value * 1.01 + 1e-3
    if isinstance(field, models.IntegerField | models.OneToOneField | models.ForeignKey):
        return 1 if value is None else value + 30_000
    return value[:-1] + ("x" if value[-1:] != "x" else "y")


def covered_columns(model: type[models.Model]) -> list[Any]:
    trusted = NOT_COVERED | TAKEN_ON_TRUST.get(model, set())
    fields = model._meta.concrete_fields
    return [each for each in fields if each.attname not in trusted and not each.primary_key]


def test_untouched_ledger_has_nothing_that_differs(recorded: redis.Redis, tmp_path: Path) -> None:
    found, verification = check(tmp_path, trusted=[SIGNER.verifier])
    assert found == []
    counted = verification.findings.checked
    assert counted["entries"] == counted["links"] == TICKS + 2
    assert (counted["Forecast"], counted["checkpoints"]) == (2 * TICKS, 2)
    assert counted["ForecastOutcome"] > 25
    assert (counted["Signal"], counted["SignalGap"], counted["SignalOutcome"]) == (3, 1, 2)
    assert verification.signed == TICKS + 2


def test_empty_ledger_has_nothing_that_differs(tmp_path: Path) -> None:
    assert check(tmp_path)[0] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_altered_column_is_found_whichever_it_is(
    recorded: redis.Redis, tmp_path: Path, model: Any
) -> None:
    rows = list(model._default_manager.order_by("pk"))
    row = rows[len(rows) // 2]
    for field in covered_columns(model):
        value = changed(field, getattr(row, field.attname))
        with tampering_undone():
            model._default_manager.filter(pk=row.pk).update(**{field.attname: value})
            found = faults(tmp_path)
            assert found, f"{field.attname} was altered unseen"
            assert {each.model for each in found} & named_as(model)


def named_as(model: type[models.Model]) -> set[str]:
    return {model.__name__, "LedgerEntry" if model is Checkpoint else model.__name__}


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_byte_of_any_entry_that_is_altered_is_found(
    recorded: redis.Redis, tmp_path: Path, data: st.DataObject
) -> None:
    row = LedgerEntry.objects.get(index=data.draw(st.integers(0, TICKS + 1)))
    column = data.draw(st.sampled_from(["packed", "entry_hash", "leaf_hash", "prev_hash"]))
    stored = bytearray(getattr(row, column))
    at = data.draw(st.integers(0, len(stored) - 1))
    stored[at] ^= 1 << data.draw(st.integers(0, 7))
    with tampering_undone():
        LedgerEntry.objects.filter(index=row.index).update(**{column: bytes(stored)})
        found = faults(tmp_path)
        assert any((each.model, each.row) == ("LedgerEntry", str(row.index)) for each in found)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_column_of_any_forecast_that_is_altered_is_named(
    recorded: redis.Redis, tmp_path: Path, data: st.DataObject
) -> None:
    row = data.draw(st.sampled_from(list(Forecast.objects.order_by("pk"))))
    field = data.draw(st.sampled_from(covered_columns(Forecast)))
    value = changed(field, getattr(row, field.attname))
    with tampering_undone():
        Forecast.objects.filter(pk=row.pk).update(**{field.attname: value})
        assert str(row.pk) in {each.row for each in faults(tmp_path) if each.model == "Forecast"}


@pytest.mark.parametrize("model", [Forecast, Signal, SignalGap, ForecastOutcome, LedgerEntry])
def test_removed_row_is_named(recorded: redis.Redis, tmp_path: Path, model: Any) -> None:
    if model is ForecastOutcome:
        publish(recorded, *chained(ticks(360))[-1:])
        drain(new_recorder(recorded))
    row = model._default_manager.order_by("pk").first()
    with tampering():
        _remove(model, row.pk)
        found = faults(tmp_path)
        assert Kind.REMOVED in {each.kind for each in found if each.model == model.__name__}
        _drop_orphans()


def _remove(model: Any, key: int) -> None:
    model._default_manager.filter(pk=key)._raw_delete("default")


def _drop_orphans() -> None:
    # What a removed row leaves behind would fail the test's own rollback.
    for model in (ForecastOutcome, SignalOutcome, Forecast, Signal, SignalGap):
        model._default_manager.all().delete()


def test_inserted_rows_are_named(recorded: redis.Redis, tmp_path: Path) -> None:
    forecast = Forecast.objects.order_by("pk").first()
    gap = SignalGap.objects.get()
    assert forecast is not None
    forecast.pk, forecast.symbol = None, "DOGEUSDT"
    gap.pk, gap.symbol = None, "DOGEUSDT"
    forecast.save()
    gap.save()
    found = faults(tmp_path)
    assert {(each.kind, each.model, each.row) for each in found} == {
        (Kind.INSERTED, "Forecast", str(forecast.pk)),
        (Kind.INSERTED, "SignalGap", str(gap.pk)),
    }


def test_altered_forecast_is_named_by_field_stored_and_expected(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    row = Forecast.objects.filter(symbol="BTCUSDT").order_by("pk")[9]
    with tampering():
        Forecast.objects.filter(pk=row.pk).update(p_up=0.75, confidence=0.9)
    named = {
        (each.kind, each.model, each.row, each.field, each.stored, each.expected)
        for each in faults(tmp_path)
    }
    assert named == {
        (Kind.ALTERED, "Forecast", str(row.pk), "p_up", "0.75", "None"),
        (Kind.ALTERED, "Forecast", str(row.pk), "confidence", "0.9", "0.8"),
    }


def test_row_under_another_name_is_named_by_its_fields(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    row = Forecast.objects.filter(symbol="BTCUSDT").order_by("pk")[9]
    with tampering():
        Forecast.objects.filter(pk=row.pk).update(symbol="DOGEUSDT")
    [finding] = faults(tmp_path)
    assert (finding.row, finding.field, finding.expected) == (str(row.pk), "symbol", "'BTCUSDT'")


def test_forecast_that_two_entries_say_is_kept_once_and_told(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    again = ticks(3, columns={"predicted_price": [107.0, 21.0]})[2:]
    publish(recorded, *chained(again))
    drain(new_recorder(recorded))
    found, verification = check(tmp_path)
    assert {each.kind for each in found} == {Kind.RESTART}
    assert verification.findings.found[Kind.REPEATED] == 2


def test_check_asks_no_question_a_row(recorded: redis.Redis, tmp_path: Path) -> None:
    with CaptureQueriesContext(connection) as asked:
        check(tmp_path)
    assert len(asked) < TICKS * 2
