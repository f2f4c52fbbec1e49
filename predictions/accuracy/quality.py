"""What the running venue's predictions were worth of late, for whoever must not wait for it.

Made by the recorder every minute, read from Redis by `/metrics`, `/api/tradeable` and, of
signals, beside every signal. Where the recorder or the database is away it runs out, and nothing
is known.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from inference.signals.live_accuracy import slot
from market.candles.timeframes import SIGNAL_TIMEFRAMES
from predictions.accuracy import forecasts, signals
from predictions.accuracy.hours import HOUR_MS, Hour
from predictions.accuracy.questions import ForecastQuestion, find_hours, newest_ms
from predictions.accuracy.signal_rows import SignalQuestion, SignalRow, find_signals

REFERENCE_DAYS = 7
SIGNAL_CANDLES = 500
"""Of each timeframe the newest so many candles are measured."""


QualityT = TypeVar("QualityT")


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of late; None = fewer than the minimum n. skill: over saying the class shares."""

    n: int
    hit_n: int = 0
    hit_rate: float | None = None
    mae_ratio: float | None = None
    coverage: float | None = None
    coverage_lower: float | None = None
    coverage_upper: float | None = None
    ece: float | None = None
    ece_n: int = 0
    skill: float | None = None
    skill_lower: float | None = None
    skill_upper: float | None = None


class ModelQuality(msgspec.Struct, frozen=True, kw_only=True):
    """One model version: its last hour, its last day, and all days before that hour."""

    role: str
    hour: Quality
    day: Quality
    reference: Quality


class SymbolQuality(msgspec.Struct, frozen=True, kw_only=True):
    """All published forecasts of a symbol, and of the model versions that spoke them."""

    hour: Quality
    day: Quality
    models: dict[str, ModelQuality]


class ForecastQuality(msgspec.Struct, frozen=True, kw_only=True):
    """What `quality:forecasts` holds. made_ms: wall time."""

    venue: str
    live: bool
    made_ms: int
    symbols: dict[str, SymbolQuality]


class SignalModelQuality(msgspec.Struct, frozen=True, kw_only=True):
    """One model version at one timeframe, all coins together."""

    role: str
    quality: Quality


class SignalQuality(msgspec.Struct, frozen=True, kw_only=True):
    """What `quality:signals` holds; models: see `inference.signals.live_accuracy`.

    timeframes: by timeframe and model version.
    """

    venue: str
    live: bool
    made_ms: int
    models: dict[str, dict[str, float]]
    timeframes: dict[str, dict[str, SignalModelQuality]]


def forecast_quality(venue: str, *, live: bool, made_ms: int) -> ForecastQuality:
    """Measure the forecasts of a venue up to its newest one."""
    newest = newest_ms(venue)
    symbols: dict[str, SymbolQuality] = {}
    if newest is not None:
        day_from = (newest - 23 * HOUR_MS) // HOUR_MS * HOUR_MS
        week_from = day_from - (REFERENCE_DAYS - 1) * 24 * HOUR_MS
        hour_from = newest - HOUR_MS
        week = _by_symbol(find_hours(ForecastQuestion(venue, from_ms=week_from)).hours)
        last = _by_symbol(find_hours(ForecastQuestion(venue, from_ms=hour_from)).hours)
        for symbol, hours in week.items():
            day = [hour for hour in hours if hour.key.hour_ts >= day_from]
            # Whole hours before the last one began: nothing is its own reference.
            before = [hour for hour in hours if hour.key.hour_ts + HOUR_MS <= hour_from]
            symbols[symbol] = _symbol(last.get(symbol, []), day, before)
    return ForecastQuality(venue=venue, live=live, made_ms=made_ms, symbols=symbols)


def signal_quality(venue: str, *, live: bool, made_ms: int, newest: int | None) -> SignalQuality:
    """Measure the signals of a venue. newest: market time, ms, of its newest one."""
    models: defaultdict[str, dict[str, float]] = defaultdict(dict)
    timeframes: dict[str, dict[str, SignalModelQuality]] = {}
    for timeframe in SIGNAL_TIMEFRAMES if newest is not None else ():
        since = (newest or 0) - SIGNAL_CANDLES * timeframe.ms
        asked = SignalQuestion(venue, timeframe=timeframe.value, from_ms=since)
        versions: defaultdict[str, list[SignalRow]] = defaultdict(list)
        coins: defaultdict[tuple[str, str], list[SignalRow]] = defaultdict(list)
        for row in find_signals(asked).rows:
            versions[row.model_version].append(row)
            coins[row.symbol, row.model_version].append(row)
        timeframes[timeframe.value] = {
            version: SignalModelQuality(role=rows[-1].role, quality=_of_signals(rows))
            for version, rows in versions.items()
        }
        for (symbol, version), rows in coins.items():
            share = signals.three_class_accuracy(rows)
            if share is not None:
                models[slot(symbol, timeframe)][version] = share
    return SignalQuality(
        venue=venue, live=live, made_ms=made_ms, models=dict(models), timeframes=timeframes
    )


def _by_symbol(hours: Sequence[Hour]) -> Mapping[str, list[Hour]]:
    found: defaultdict[str, list[Hour]] = defaultdict(list)
    for hour in hours:
        found[hour.key.symbol].append(hour)
    return found


def _symbol(hour: list[Hour], day: list[Hour], before: list[Hour]) -> SymbolQuality:
    models = {each.key.model_version: each.key.role for each in [*before, *day]}
    return SymbolQuality(
        hour=_of_forecasts(hour),
        day=_of_forecasts(day),
        models={
            version: ModelQuality(
                role=role,
                hour=_of_forecasts(_spoken_by(version, hour)),
                day=_of_forecasts(_spoken_by(version, day)),
                reference=_of_forecasts(_spoken_by(version, before)),
            )
            for version, role in models.items()
        },
    )


def _spoken_by(version: str, hours: list[Hour]) -> list[Hour]:
    return [hour for hour in hours if hour.key.model_version == version]


def _of_forecasts(hours: Sequence[Hour]) -> Quality:
    told = forecasts.summary(hours)
    return _quality(told, mae_ratio=told["mae"]["value"], coverage=told["coverage"])


def _of_signals(rows: Sequence[SignalRow]) -> Quality:
    told = signals.figures(rows)
    return _quality(told, mae_ratio=None, coverage=told["eta_coverage"])


def _quality(
    told: Mapping[str, Any], *, mae_ratio: float | None, coverage: Mapping[str, Any]
) -> Quality:
    skill = told["log_loss"].get("skill") or {}
    return Quality(
        n=told["n"],
        hit_n=told["hit_rate"]["n"],
        hit_rate=told["hit_rate"]["value"],
        mae_ratio=mae_ratio,
        coverage=coverage["value"],
        coverage_lower=coverage["lower"],
        coverage_upper=coverage["upper"],
        ece=told["calibration"]["ece"],
        ece_n=told["calibration"]["n"],
        skill=skill.get("value"),
        skill_lower=skill.get("lower"),
        skill_upper=skill.get("upper"),
    )


def decode_forecast_quality(text: object) -> ForecastQuality | None:
    """Read `quality:forecasts`; None where it is absent or unreadable."""
    return _decoded(text, ForecastQuality)


def decode_signal_quality(text: object) -> SignalQuality | None:
    """Read `quality:signals`; None where it is absent or unreadable."""
    return _decoded(text, SignalQuality)


def _decoded(text: object, kind: type[QualityT]) -> QualityT | None:
    if not isinstance(text, str | bytes):
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
