"""Goes through the ledger's entries of a time range and has each checked against the market."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db.models import QuerySet

from inference.artefacts.signal_registry import ModelRegistry
from inference.forecasts.entry import TickEntry
from inference.handover.chain import EntryFormatError, entry_hash
from inference.signals.entry import BatchEntry, Said
from inference.vocabulary import FORECASTS, SIGNALS
from market.candles.store import CandleStore
from predictions.audit.forecast_parity import ForecastParity
from predictions.audit.models import ForecastModels
from predictions.audit.report import AuditReport, Difference
from predictions.audit.signal_parity import SignalParity
from predictions.models import LedgerEntry, Signal

ENGINES = (FORECASTS, SIGNALS)
_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ParityPlan:
    """What to check. Times: market time in ms; symbols: empty means all; sample: entries of each
    engine, None means all. models: where else ONNX files may lie."""

    recordings: Path
    candles: Path
    exchange: str
    base_dir: Path
    var_dir: Path
    device: str
    model_paths: tuple[Path, ...]
    engines: tuple[str, ...] = ENGINES
    venue: str | None = None
    symbols: frozenset[str] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None
    sample: int | None = None
    seed: int = 1


def verify_parity(plan: ParityPlan) -> AuditReport:
    """Check the ledger's entries against the recorded market; return what was found."""
    report = AuditReport()
    if FORECASTS in plan.engines:
        models = ForecastModels(plan.model_paths, plan.base_dir, plan.var_dir)
        forecasts = ForecastParity(plan.recordings, models, report, plan.symbols)
        for leaf in _leaves(plan, FORECASTS):
            entry = _unpacked(leaf, TickEntry, report)
            if isinstance(entry, TickEntry):
                forecasts.check(entry)
    if SIGNALS in plan.engines:
        registry = ModelRegistry(plan.base_dir / "models", plan.var_dir, plan.device)
        store = CandleStore(plan.candles)
        signals = SignalParity(store, plan.exchange, registry, report, _superseded, plan.symbols)
        for leaf in _leaves(plan, SIGNALS):
            batch = _unpacked(leaf, BatchEntry, report)
            if isinstance(batch, BatchEntry):
                signals.check(batch)
    return report


def _leaves(plan: ParityPlan, engine: str) -> Iterator[LedgerEntry]:
    found: QuerySet[LedgerEntry] = LedgerEntry.objects.filter(engine=engine)
    if plan.venue is not None:
        found = found.filter(venue=plan.venue)
    if plan.since_ms is not None:
        found = found.filter(made_ts__gte=plan.since_ms)
    if plan.until_ms is not None:
        found = found.filter(made_ts__lt=plan.until_ms)
    found = found.order_by("venue", "number")
    if plan.sample is None:
        yield from found.iterator(_ROWS_AT_ONCE)
        return
    indices = list(found.values_list("index", flat=True))
    if len(indices) > plan.sample:
        chosen = random.Random(plan.seed).sample(range(len(indices)), plan.sample)
        indices = [indices[position] for position in sorted(chosen)]
    for index in indices:
        yield LedgerEntry.objects.get(index=index)


def _unpacked(
    leaf: LedgerEntry, kind: type[TickEntry] | type[BatchEntry], report: AuditReport
) -> TickEntry | BatchEntry | None:
    if leaf.packed is None:
        report.unchecked["entry_pruned"] += 1
        return None
    packed = bytes(leaf.packed)
    if entry_hash(packed) != bytes(leaf.entry_hash):
        _broken(leaf, report, "its SHA-256 is not the one stored beside it")
    try:
        return kind.unpack(packed)
    except EntryFormatError as error:
        _broken(leaf, report, str(error))
        return None


def _broken(leaf: LedgerEntry, report: AuditReport, problem: str) -> None:
    subject = f"entry {leaf.index}"
    report.add(
        Difference(leaf.engine, leaf.venue, subject, leaf.made_ts, "packed", problem, None, None)
    )


def _superseded(entry: BatchEntry, said: Said) -> bool:
    signal = said.signal
    return Signal.objects.filter(
        venue=entry.venue,
        symbol=signal.symbol,
        timeframe=signal.timeframe.value,
        candle_open=signal.candle_open_ms,
        revision__gt=said.revision,
    ).exists()
