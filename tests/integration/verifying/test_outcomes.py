"""`verify_ledger` grades again: an outcome that was altered, hidden or removed is named."""

from pathlib import Path
from typing import Any

import pytest
import redis

from inference.signals.entry import Gap, Said
from inference.vocabulary import SignalReason
from market.candles.store import CandleStore
from predictions.grading.candle_paths import StoredBars
from predictions.grading.forecast_outcomes import OpenForecast, Price, outcomes_of
from predictions.grading.signals import SaidSignal, grade_signal
from predictions.models import ForecastOutcome, Signal, SignalOutcome
from predictions.verifying.findings import Kind
from tests.integration.checked_ledger import chained, check, faults
from tests.integration.tampering import tampering, tampering_undone
from tests.integration.test_signal_recorder import batch, hand_over
from tests.integration.test_signal_recorder import drain as drain_signals
from tests.integration.test_signal_recorder import recorder as signal_recorder
from tests.made_candles import walk
from tests.signal_loops import DAY_MS, M15, VENUE, make_signal

pytestmark = pytest.mark.django_db


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
