"""What the audits' commands share: options read and refused, a report told, the exit status."""

import argparse
import json
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError, CommandParser, OutputWrapper

from inference.artefacts.registry import Registry
from inference.artefacts.versions import FORECASTER_NAME, Slot, VersionStore
from inference.signals.moment import Moment
from inference.vocabulary import FORECASTS, SIGNALS
from market.candles.timeframes import Timeframe, parse_timeframe
from market.symbols import parse_symbol
from predictions.audit.report import AuditReport

BOTH = "both"
ENGINES = {BOTH: (FORECASTS, SIGNALS), FORECASTS: (FORECASTS,), SIGNALS: (SIGNALS,)}


def add_options(parser: CommandParser) -> None:
    """Add what both audits take."""
    parser.add_argument("--engine", choices=sorted(ENGINES), default=BOTH)
    parser.add_argument("--symbols", type=_symbols, default=frozenset(), help="comma-separated")
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="an ONNX forecaster besides those that the registry serves",
    )
    parser.add_argument("--seed", type=int, default=1, help="of what is sampled")
    parser.add_argument("--json", action="store_true", help="one object instead of lines")


def market_time(text: str) -> int:
    """Read an ISO time, UTC unless it says otherwise, as market time in ms."""
    try:
        return round(Moment("", False, 0).at(text).now_ms)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def positive(text: str) -> int:
    """Read a count above zero."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no count; 1 or more is allowed")
    return int(text)


def timeframes(text: str) -> tuple[Timeframe, ...]:
    """Read timeframes of signals, comma-separated."""
    try:
        return tuple(parse_timeframe(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def forecaster_paths(given: list[Path]) -> tuple[Path, ...]:
    """Return where ONNX forecasters may lie: those given, the registry's places, all versions."""
    registry = Registry.from_config(settings.INFERENCE, settings.BASE_DIR, settings.VAR_DIR)
    store, slot = VersionStore(settings.VAR_DIR), Slot(FORECASTS)
    kept = (store.folder(slot, name) / FORECASTER_NAME for name in store.versions(slot))
    asked = (path.resolve() for path in given)
    return tuple(dict.fromkeys((*asked, *registry.places, *kept)))


def tell(report: AuditReport, out: OutputWrapper, *, as_json: bool, failed: str) -> None:
    """Print a report. Raises CommandError (exit status 1) unless it passed."""
    out.write(json.dumps(report.as_object()) if as_json else "\n".join(report.lines()))
    if report.passed:
        return
    if report.difference_count:
        raise CommandError(f"{report.difference_count} {failed}", returncode=1)
    raise CommandError("nothing could be checked; `unchecked` says why", returncode=1)


def _symbols(text: str) -> frozenset[str]:
    try:
        return frozenset(parse_symbol(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
