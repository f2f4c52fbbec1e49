"""Checks for looks ahead all that is asked for: recordings, coins, timeframes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.artefacts.errors import ModelUnavailable
from inference.artefacts.registry import Registry
from inference.artefacts.signal_registry import ModelRegistry
from inference.forecasts.engine import Engine
from inference.signals.service import default_service
from inference.vocabulary import FORECASTS, SIGNALS
from market.candles.store import CandleStore, venues_of
from market.candles.timeframes import Timeframe
from market.recording.places import symbol_folders
from predictions.audit.candle_lookahead import check_candles
from predictions.audit.hot_lookahead import check_hot, read_history, served_model
from predictions.audit.report import AuditReport


@dataclass(frozen=True, slots=True)
class LookaheadPlan:
    """What to check. recordings: paths given; where there are none, all under recordings_dir.

    symbols: empty means all that are recorded, and all signal_symbols. venues: whose candles, the
    truest first.
    """

    engines: tuple[str, ...]
    forecasters: tuple[Engine, ...]
    networks: ModelRegistry
    recordings_dir: Path
    recordings: tuple[Path, ...]
    candles: Path
    venues: tuple[str, ...]
    symbols: frozenset[str]
    signal_symbols: tuple[str, ...]
    timeframes: tuple[Timeframe, ...]
    moments: int
    seed: int


def candle_venues(engines: Sequence[str], given: str | None, exchange: str) -> tuple[str, ...]:
    """Return whose candles to take: one given, else those of the running market's signals.

    None where no signals are checked. Raises UnreadableClockError.
    """
    if SIGNALS not in engines:
        return ()
    return (given,) if given else venues_of(default_service().now().venue, exchange)


def forecasters(registry: Registry, given: Sequence[Path]) -> tuple[Engine, ...]:
    """Return the engines of the files given; of what the registry serves where none is.

    None where nothing can be served. Raises ArtefactError for a file given that cannot be.
    """
    if given:
        return tuple(Engine(registry.load_at(path)) for path in given)
    try:
        return (Engine(registry.load()),)
    except ModelUnavailable:
        return ()


def check_lookahead(plan: LookaheadPlan) -> AuditReport:
    """Compare everything at sampled moments; return what was found. Raises FeedError."""
    report = AuditReport()
    if FORECASTS in plan.engines:
        _check_recordings(report, plan)
    if SIGNALS in plan.engines:
        _check_candles(report, plan)
    return report


def _check_recordings(report: AuditReport, plan: LookaheadPlan) -> None:
    paths = plan.recordings or tuple(
        folder.path
        for folder in symbol_folders(plan.recordings_dir)
        if not plan.symbols or folder.symbol in plan.symbols
    )
    if not paths:
        report.unchecked["features_no_recording"] += plan.moments
    models = [served_model(engine) for engine in plan.forecasters]
    for path in paths:
        histories = [each for each in read_history(path, plan.seed) if each.batches]
        if not histories:
            report.unchecked["features_no_recording"] += plan.moments
        for history in histories:
            check_hot(report, history, models, moments=plan.moments, seed=plan.seed)


def _check_candles(report: AuditReport, plan: LookaheadPlan) -> None:
    store = CandleStore(plan.candles)
    for symbol in sorted(plan.symbols) or plan.signal_symbols:
        for timeframe in plan.timeframes:
            check_candles(
                report,
                store,
                plan.venues,
                symbol,
                timeframe,
                plan.networks,
                moments=plan.moments,
                seed=plan.seed,
            )
