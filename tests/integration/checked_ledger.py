"""A small ledger of every kind of row, recorded as the product does, and its check."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis
from django.core.management import call_command
from django.db import transaction

from inference.forecasts.entry import TickEntry
from inference.handover.chain import GENESIS, entry_hash
from inference.signals.entry import BatchEntry, Gap, Said
from inference.vocabulary import Direction, SignalReason
from market.candles.store import CandleStore
from predictions.models import (
    Checkpoint,
    Forecast,
    ForecastOutcome,
    LedgerEntry,
    Signal,
    SignalGap,
    SignalOutcome,
)
from predictions.transparency.checkpoints import sign_checkpoint
from predictions.transparency.notes import Signer
from predictions.verifying.findings import Finding
from predictions.verifying.verification import Candles, Verification
from tests.integration.ledger import NAN, drain, new_recorder, publish, tick_entry
from tests.integration.test_signal_recorder import batch, hand_over
from tests.integration.test_signal_recorder import drain as drain_signals
from tests.integration.test_signal_recorder import recorder as signal_recorder
from tests.signal_loops import DAY_MS, M15, make_signal

SIGNER = Signer("example.org/log", bytes(range(32)))
TICKS = 20
MODELS = (Forecast, ForecastOutcome, Signal, SignalGap, SignalOutcome, LedgerEntry, Checkpoint)
"""Every kind of row that it has."""


def chained(entries: Sequence[Any]) -> list[bytes]:
    """Pack entries, each naming the one before it."""
    packed, prev = [], GENESIS
    for entry in entries:
        entry.prev = prev
        packed.append(entry.pack())
        prev = entry_hash(packed[-1])
    return packed


def ticks(count: int = TICKS, **changes: Any) -> list[TickEntry]:
    """Ticks of two symbols, whose prices move; the last of ETHUSDT has none."""
    return [
        tick_entry(
            index,
            {"BTCUSDT": 100.0 + index % 7, "ETHUSDT": 20.0 - index % 3},
            **{
                "columns": {"predicted_price": [100.5 + index % 7, NAN if index == 3 else 20.25]},
                **changes,
            },
        )
        for index in range(count)
    ]


def batches() -> list[BatchEntry]:
    """Two batches: a LONG, a NO_TRADE and a gap, then a revision."""
    idle: dict[str, Any] = {"direction": Direction.NO_TRADE, "reason": SignalReason.BELOW_THRESHOLD}
    idle |= {"stop_loss": None, "take_profits": (), "tp_eta_minutes": None}
    idle |= {"tp_eta_low_minutes": None, "tp_eta_high_minutes": None}
    late = Gap("ETHUSDT", DAY_MS - M15.ms, SignalReason.CANDLE_LATE, "it has not arrived")
    long, none = make_signal("BTCUSDT"), make_signal("SOLUSDT", **idle)
    return [
        batch(Said(long), Said(none), gaps=(late,)),
        batch(Said(long, 1), batch=DAY_MS + 900, made_ms=DAY_MS + 900),
    ]


def record_all(client: redis.Redis) -> None:
    """Record, grade and sign: everything that the check looks at is there."""
    publish(client, *chained(ticks()))
    drain(new_recorder(client))
    sign_checkpoint(SIGNER)
    made: list[Any] = batches()
    hand_over(client, *_chained_batches(made))
    drain_signals(signal_recorder(client))
    with transaction.atomic():
        for signal in Signal.objects.filter(direction="LONG"):
            _timed_out(signal).save()
    sign_checkpoint(SIGNER)


def check(tmp_path: Path, **changes: Any) -> tuple[list[Finding], Verification]:
    """Run the check; return what it found."""
    found: list[Finding] = []
    candles = Candles(CandleStore(tmp_path / "candles"), "binance")
    verification = Verification(candles, found.append, **changes)
    verification.run()
    return found, verification


def run(*arguments: str) -> str:
    """Run the command; return what it printed."""
    out = io.StringIO()
    call_command("verify_ledger", *arguments, stdout=out)
    return out.getvalue()


def faults(tmp_path: Path, **changes: Any) -> list[Finding]:
    return [each for each in check(tmp_path, **changes)[0] if each.kind.is_fault]


def _chained_batches(made: list[BatchEntry]) -> list[bytes]:
    packed, prev = [], GENESIS
    for entry in made:
        fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
        packed.append(BatchEntry(**(fields | {"prev": prev})).pack())
        prev = entry_hash(packed[-1])
    return packed


def _timed_out(signal: Signal) -> SignalOutcome:
    exit_price = signal.entry + signal.risk / 2
    fees = 5.0 / 1e4 * (signal.entry + exit_price)
    return SignalOutcome(
        signal=signal,
        status="graded",
        result="timed_out",
        touched="NO_TRADE",
        path_timeframe="15m",
        ended_ts=signal.candle_close + 12 * M15.ms,
        known_ts=signal.candle_close + 12 * M15.ms,
        entry_gap_bp=0.0,
        exit_price=exit_price,
        r_multiple=(exit_price - signal.entry) / signal.risk,
        r_after_fees=(exit_price - signal.entry - fees) / signal.risk,
        fee_bp=5.0,
    )
