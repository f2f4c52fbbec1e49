"""`verify_ledger`: whatever is altered, removed or inserted is found, and named."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from inference.forecasts.entry import TickEntry
from inference.signals.entry import Gap, Said
from inference.vocabulary import SignalReason
from market.candles.store import CandleStore
from predictions.accuracy.rollups import hours_from_rows, packed
from predictions.grading.candle_paths import StoredBars
from predictions.grading.forecast_outcomes import OpenForecast, Price, outcomes_of
from predictions.grading.signals import SaidSignal, grade_signal
from predictions.models import (
    Checkpoint,
    Forecast,
    ForecastOutcome,
    ForecastRollup,
    LedgerEntry,
    LogTile,
    Pruning,
    Signal,
    SignalGap,
    SignalOutcome,
)
from predictions.transparency import verified
from predictions.transparency.appending import append_entries
from predictions.transparency.checkpoints import TreeHead, sign_checkpoint
from predictions.transparency.notes import Signer
from predictions.verifying.findings import Kind
from tests.integration.checked_ledger import (
    SIGNER,
    TICKS,
    chained,
    check,
    faults,
    record_all,
    ticks,
)
from tests.integration.ledger import FIRST_TICK_MS, drain, new_recorder, publish
from tests.integration.tampering import tampering, tampering_undone
from tests.integration.test_pruning import DAY, add_up, prune, record
from tests.integration.test_signal_recorder import batch, hand_over
from tests.integration.test_signal_recorder import drain as drain_signals
from tests.integration.test_signal_recorder import recorder as signal_recorder
from tests.integration.test_transparency_log import new_entry
from tests.made_candles import walk
from tests.signal_loops import DAY_MS, M15, VENUE, make_signal

pytestmark = pytest.mark.django_db

NOT_COVERED = {"id", "recorded_at", "graded_at", "signed_at"}
MODELS = (Forecast, ForecastOutcome, Signal, SignalGap, SignalOutcome, LedgerEntry, Checkpoint)
TAKEN_ON_TRUST: dict[type[models.Model], set[str]] = {
    # Of candles that are not stored in these tests, so that the path cannot be walked again.
    SignalOutcome: {
        "status", "reason", "result", "touched", "path_timeframe", "ended_ts", "entry_gap_bp",
        "stop_loss_ts", "take_profit_2_ts", "take_profit_3_ts", "eta_covered", "entry_opens",
    },
}  # fmt: skip


@pytest.fixture
def binary(clean_redis: redis.Redis, redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, socket_timeout=5) as client:
        yield client


@pytest.fixture
def recorded(binary: redis.Redis) -> redis.Redis:
    record_all(binary)
    return binary


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


def test_removed_outcome_of_a_signal_is_named_once_it_must_be_there(
    binary: redis.Redis, tmp_path: Path
) -> None:
    venue = "exchange"
    hand_over(binary, batch(Said(make_signal("BTCUSDT", venue=venue)), venue=venue))
    waited_ms = 12 * M15.ms + 48 * 3_600_000
    for number, at_ms in enumerate((DAY_MS + waited_ms - 1, DAY_MS + waited_ms), 1):
        hand_over(binary, batch(venue=venue, batch=number, made_ms=at_ms))
        drain_signals(signal_recorder(binary))
        named = [(each.kind, each.model, each.row) for each in faults(tmp_path)]
        missing = f"of signal {Signal.objects.get().pk}"
        assert named == [(Kind.REMOVED, "SignalOutcome", missing)] * (number - 1)


def test_removed_newest_entries_are_told_by_the_checkpoint(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    with tampering():
        for model in (SignalOutcome, Signal, SignalGap):
            model._default_manager.all().delete()
        LedgerEntry.objects.filter(index__gte=TICKS).delete()
    [finding] = faults(tmp_path)
    assert f"{TICKS + 2} entries were signed, and the log has {TICKS}" in finding.message


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


def test_bad_outcome_that_is_hidden_is_found(recorded: redis.Redis, tmp_path: Path) -> None:
    row = ForecastOutcome.objects.filter(status="graded").order_by("pk")[5]
    void = dict.fromkeys(
        ("target_mid", "return_bp", "error_bp", "no_change_error_bp", "direction_hit", "covered")
    )
    with tampering():
        ForecastOutcome.objects.filter(pk=row.pk).update(
            status="ungradable", reason="no_price_at_target", price_from="", **void
        )
    [finding] = faults(tmp_path)
    assert (finding.row, finding.field, finding.expected) == (str(row.pk), "status", "'graded'")


def test_outcome_of_another_price_with_the_right_arithmetic_is_found(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    names = (
        "target_mid",
        "return_bp",
        "error_bp",
        "no_change_error_bp",
        "direction_hit",
        "covered",
    )
    one = ForecastOutcome.objects.filter(status="graded").order_by("pk")[7]
    row = OpenForecast(*(getattr(one.forecast, name) for name in OpenForecast._fields))
    [graded] = outcomes_of([row], {row.target: Price("tick", 99.0)})
    with tampering():
        ForecastOutcome.objects.filter(pk=one.pk).update(
            **{name: getattr(graded, name) for name in names}
        )
    [finding] = faults(tmp_path)
    assert (finding.field, finding.stored, finding.expected) == (
        "target_mid", "99.0", repr(one.target_mid),
    )  # fmt: skip


def test_outcome_of_a_signal_is_graded_again_along_the_candles(
    binary: redis.Redis, tmp_path: Path
) -> None:
    hand_over(binary, batch(Said(make_signal("BTCUSDT"))))
    drain_signals(signal_recorder(binary))
    store = CandleStore(tmp_path / "candles")
    candles = walk(30, seed=3, step_ms=M15.ms, start_ms=DAY_MS)
    store.upsert(VENUE, "BTCUSDT", M15, candles, closed_by_ms=DAY_MS + 30 * M15.ms)
    signal = Signal.objects.get()
    said = SaidSignal(*(getattr(signal, name) for name in SaidSignal._fields))
    bars = StoredBars(store, (VENUE,), "BTCUSDT", since_ms=DAY_MS, until_ms=said.end_ms)
    grade = grade_signal(said, bars, known_ms=said.end_ms, fee_bp=5.0)
    assert grade is not None and grade.status == "graded" and grade.exit_price is not None
    SignalOutcome.objects.create(signal=signal, **grade.columns())
    found, verification = check(tmp_path)
    assert found == []
    assert verification.findings.found[Kind.UNCHECKED] == 0
    others: dict[str, Any] = {"result": "no_trade", "ended_ts": 1, "exit_price": 1.0}
    others |= {"entry_opens": [[0, 1.0]], "r_after_fees": 9.0, "eta_covered": not grade.eta_covered}
    for name, value in others.items():
        with tampering_undone():
            SignalOutcome.objects.update(**{name: value})
            found = faults(tmp_path)
            assert [(each.model, each.field) for each in found] == [("SignalOutcome", name)]
            assert "along the stored candles" in found[0].message


def test_signal_of_a_coin_that_is_not_traded_is_believed_where_that_was_told_and_nowhere_else(
    binary: redis.Redis, tmp_path: Path
) -> None:
    halt = Gap("BTCUSDT", DAY_MS, SignalReason.SYMBOL_HALTED, "")
    told_ms = DAY_MS + M15.ms + 500
    told = batch(batch=told_ms, made_ms=told_ms, gaps=(halt,))
    said = batch(Said(make_signal("BTCUSDT")), Said(make_signal("ETHUSDT")))
    hand_over(binary, *chained([said, told]))
    drain_signals(signal_recorder(binary))
    for signal in Signal.objects.all():
        SignalOutcome.objects.create(
            signal=signal,
            status="ungradable",
            reason="symbol_halted",
            known_ts=signal.candle_close + 12 * M15.ms,
        )
    of_eth = Signal.objects.get(symbol="ETHUSDT")
    untold = str(of_eth.outcome.pk)
    assert [(each.row, each.field) for each in faults(tmp_path)] == [
        (untold, "known_ts"),
        (untold, "reason"),
    ]
    store = CandleStore(tmp_path / "candles")
    candles = walk(30, seed=3, step_ms=M15.ms, start_ms=DAY_MS)
    for symbol in ("BTCUSDT", "ETHUSDT"):  # they come when trading goes on
        store.upsert(VENUE, symbol, M15, candles, closed_by_ms=DAY_MS + 30 * M15.ms)
    found = faults(tmp_path)
    assert {each.row for each in found} == {untold}
    assert {"status", "reason"} <= {each.field for each in found}


def test_ledger_rewritten_as_a_whole_is_evident_to_whoever_holds_a_checkpoint(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    earlier = Checkpoint.objects.order_by("size").first()
    assert earlier is not None
    held = [TreeHead(SIGNER.name, earlier.size, bytes(earlier.root))]
    assert check(tmp_path, against=held)[0] == []
    with tampering():
        for model in (ForecastOutcome, SignalOutcome, *MODELS):
            model._default_manager.all().delete()
    recorded.flushall()
    publish(recorded, *chained(ticks(TICKS + 2, venue="better")))
    drain(new_recorder(recorded))
    sign_checkpoint(SIGNER)
    assert check(tmp_path)[0] == []
    found = faults(tmp_path, against=held)
    assert [each.field for each in found if each.kind is Kind.ALTERED] == [
        f"root of the first {TICKS}"
    ]


def test_removed_checkpoint_is_known_to_whoever_holds_it(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    earlier = Checkpoint.objects.get(size=TICKS)
    with tampering():
        Checkpoint.objects.filter(size=TICKS).delete()
    held = [TreeHead(SIGNER.name, TICKS, bytes(earlier.root))]
    [finding] = faults(tmp_path, against=held)
    assert (finding.kind, finding.model, finding.row) == (Kind.REMOVED, "Checkpoint", str(TICKS))
    longer = [TreeHead(SIGNER.name, TICKS + 50, bytes(32))]
    [finding] = faults(tmp_path, against=longer)
    assert f"{TICKS + 50} entries were signed, and the log has {TICKS + 2}" in finding.message


def test_checkpoints_of_a_foreign_key_are_refused_or_told(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    other = Signer.generate("example.org/log").verifier
    assert {each.kind for each in faults(tmp_path, trusted=[other])} == {Kind.UNSIGNED}
    found, _ = check(tmp_path, present=other)
    assert {each.kind for each in found} == {Kind.KEY}


def test_tile_is_compared_with_what_is_below_it(tmp_path: Path) -> None:
    with transaction.atomic():
        append_entries([new_entry(number) for number in range(300)])
    stored = LogTile.objects.get()
    unreadable = {each.row for each in faults(tmp_path)}
    assert len(unreadable) == 300  # these entries are no packed ticks: each is named
    for column, at in (("hashes", 33), ("root", 3)):
        data = bytearray(getattr(stored, column))
        data[at] ^= 1
        with tampering_undone():
            LogTile.objects.update(**{column: bytes(data)})
            [finding] = [each for each in faults(tmp_path) if each.model == "LogTile"]
            assert (finding.row, finding.field) == ("0/0", column)
    with tampering_undone():
        LogTile.objects.create(level=0, index=1, hashes=bytes(8192), root=bytes(32))
        LogTile.objects.filter(index=0).delete()
        kinds = {(each.kind, each.row) for each in faults(tmp_path) if each.model == "LogTile"}
        assert kinds == {(Kind.REMOVED, "0/0"), (Kind.INSERTED, "0/1")}


def test_tile_of_zeros_is_summed_up(tmp_path: Path) -> None:
    with transaction.atomic():
        append_entries([new_entry(number) for number in range(256)])
    with tampering():
        LogTile.objects.update(hashes=bytes(8192))
    found = [each for each in faults(tmp_path) if each.model == "LogTile"]
    assert [each.field for each in found] == ["hashes"] * 3 + [""]
    assert str(found[-1]) == (
        "altered: LogTile 0/0 (253 more of its 256 hashes are not those of what is below it)"
    )


def test_missing_link_and_new_start_are_told_and_no_fault(
    binary: redis.Redis, tmp_path: Path
) -> None:
    first, *others = chained(ticks(9))
    begun_anew = chained(ticks(12)[9:])
    publish(binary, first, *others[:3], *others[4:], *begun_anew)
    drain(new_recorder(binary))
    found, verification = check(tmp_path)
    assert [(each.kind, each.row) for each in found] == [(Kind.GAP, "4"), (Kind.RESTART, "8")]
    assert "is not in the ledger" in found[0].message
    assert verification.findings.faults == 0


def test_entry_that_follows_what_another_follows_is_told_as_a_fork(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    newest = TickEntry.unpack(chained(ticks())[-1])
    later = ticks(TICKS + 6)[-1]
    later.prev = newest.prev
    publish(recorded, later.pack())
    drain(new_recorder(recorded))
    [finding], verification = check(tmp_path)
    assert (finding.kind, finding.row) == (Kind.FORK, str(TICKS + 2))
    assert f"the same entry as {TICKS - 1} does" in finding.message
    assert verification.findings.faults == 0


def test_entry_that_follows_one_of_another_chain_is_a_fault(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    newest = TickEntry.unpack(chained(ticks())[-1])
    others: list[dict[str, Any]] = [{"venue": "other"}, {"shard": 3}]
    for number, changes in enumerate(others):
        later = ticks(TICKS + 6 + number, **changes)[-1]
        later.prev = newest.prev
        publish(recorded, later.pack())
    drain(new_recorder(recorded))
    found, _ = check(tmp_path)
    rows = [str(TICKS + 2), str(TICKS + 3)]
    assert [each.row for each in found if each.kind is Kind.FORK] == rows
    foreign = [each for each in found if each.kind.is_fault]
    assert {(each.kind, each.row) for each in foreign} == {(Kind.INSERTED, row) for row in rows}
    assert all(
        f"entry {TICKS - 2}, which is of forecasts of test, shard 0" in each.message
        for each in foreign
    )


def test_forecast_that_two_entries_say_is_kept_once_and_told(
    recorded: redis.Redis, tmp_path: Path
) -> None:
    again = ticks(3, columns={"predicted_price": [107.0, 21.0]})[2:]
    publish(recorded, *chained(again))
    drain(new_recorder(recorded))
    found, verification = check(tmp_path)
    assert {each.kind for each in found} == {Kind.RESTART}
    assert verification.findings.found[Kind.REPEATED] == 2


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


def test_check_asks_no_question_a_row(recorded: redis.Redis, tmp_path: Path) -> None:
    with CaptureQueriesContext(connection) as asked:
        check(tmp_path)
    assert len(asked) < TICKS * 2


@pytest.fixture
def key_file(tmp_path: Path, settings: Settings) -> Path:
    settings.LEDGER_KEY_FILE = tmp_path / "ledger_key"
    settings.CANDLES_DIR = tmp_path / "candles"
    settings.LEDGER_KEY_FILE.write_text(SIGNER.text)
    path: Path = settings.LEDGER_KEY_FILE
    return path


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("verify_ledger", *arguments, stdout=out)
    return out.getvalue()


def test_command_says_what_was_checked_and_what_may_be_claimed(
    recorded: redis.Redis, key_file: Path
) -> None:
    said = run()
    assert "Nothing differs." in said and f"{TICKS + 2} entries" in said
    assert "evident only to whoever holds an earlier checkpoint" in said
    summary = json.loads(run("--json"))["summary"]
    assert summary["ok"] is True
    assert (summary["entries"], summary["signed_entries"]) == (TICKS + 2, TICKS + 2)


def test_command_compares_with_a_checkpoint_that_was_kept(
    recorded: redis.Redis, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(Checkpoint.objects.get(size=TICKS).note)
    said = run("--against", str(kept), "--vkey", SIGNER.verifier.vkey)
    assert f"None of the first {TICKS} entries" in said
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(kept.read_bytes())))
    assert f"None of the first {TICKS} entries" in run("--against", "-")


def test_command_fails_and_names_the_row_where_one_was_altered(
    recorded: redis.Redis, key_file: Path
) -> None:
    row = Signal.objects.order_by("pk").first()
    assert row is not None
    with tampering():
        Signal.objects.filter(pk=row.pk).update(entry=1.0)
    for form, read in (((), str), (("--json",), json.loads)):
        out = io.StringIO()
        with pytest.raises(CommandError, match="differs in 1 place") as failed:
            call_command("verify_ledger", *form, stdout=out)
        assert failed.value.returncode == 1
        _named(read, out.getvalue().splitlines(), row.pk)


def test_command_that_cannot_remember_its_check_says_so_and_what_it_found(
    recorded: redis.Redis, key_file: Path, settings: Settings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    (tmp_path / verified.NAME).mkdir()
    out, err = io.StringIO(), io.StringIO()

    call_command("verify_ledger", stdout=out, stderr=err)

    assert "Nothing differs." in out.getvalue()
    assert "cannot be remembered" in err.getvalue()


def _named(read: Callable[[str], Any], lines: list[str], key: int) -> None:
    told = read(lines[0])
    if isinstance(told, dict):
        assert told == {
            "kind": "altered", "model": "Signal", "row": str(key), "field": "entry",
            "stored": "1.0", "expected": "100.0",
        }  # fmt: skip
    else:
        assert told == f"altered: Signal {key}, entry: is 1.0, expected 100.0"


@pytest.mark.parametrize(
    ("text", "vkey", "told"),
    [
        ("nothing\n", SIGNER.verifier.vkey, "not accepted"),
        ("\n", SIGNER.verifier.vkey, "it is empty"),
        (None, SIGNER.verifier.vkey, "there is no such file"),
        ("nothing\n", "no key", "verifier key"),
        (Signer.generate("x").sign("x\n1\nAAAA\n"), SIGNER.verifier.vkey, "no trusted key"),
    ],
)
def test_command_refuses_what_is_no_checkpoint_or_key(
    key_file: Path, tmp_path: Path, text: str | None, vkey: str, told: str
) -> None:
    kept = tmp_path / "kept.txt"
    if text is not None:
        kept.write_text(text)
    with pytest.raises(CommandError, match=told):
        run("--against", str(kept), "--vkey", vkey)
