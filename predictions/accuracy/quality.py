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
from market.candles.timeframes import Timeframe
from predictions.accuracy import forecasts, signals
from predictions.accuracy.hours import HOUR_MS, Hour
from predictions.accuracy.questions import ForecastQuestion, find_hours
from predictions.accuracy.signal_rows import SignalQuestion, SignalRow, find_signals
from predictions.models import Forecast, ForecastRollup
from predictions.moments import moment

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
    """What `quality:forecasts` holds. made_ms: wall time; None: too much to be measured."""

    venue: str
    live: bool
    made_ms: int
    symbols: dict[str, SymbolQuality | None]


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


def spoken_symbols(venue: str, newest: int) -> list[str]:
    """Return the symbols that were forecast in the day before `newest` (market time, ms)."""
    since = {"venue": venue, "predicted_at__gte": moment(newest - HOUR_MS)}
    rows = Forecast.objects.filter(**since).order_by().values_list("symbol", flat=True)
    hours = ForecastRollup.objects.filter(venue=venue, hour_ts__gte=newest - 24 * HOUR_MS)
    stored = hours.order_by().values_list("symbol", flat=True)
    return sorted({*rows.distinct(), *stored.distinct()})


def symbol_quality(venue: str, symbol: str, newest: int) -> SymbolQuality:
    """Measure a symbol's forecasts up to `newest` (market time, ms).

    Raises TooMuchAskedError.
    """
    day_from = (newest - 23 * HOUR_MS) // HOUR_MS * HOUR_MS
    week_from = day_from - (REFERENCE_DAYS - 1) * 24 * HOUR_MS
    hour_from = newest - HOUR_MS
    week = find_hours(ForecastQuestion(venue, symbol, from_ms=week_from)).hours
    last = find_hours(ForecastQuestion(venue, symbol, from_ms=hour_from)).hours
    day = [hour for hour in week if hour.key.hour_ts >= day_from]
    # Whole hours before the last one began: nothing is its own reference.
    before = [hour for hour in week if hour.key.hour_ts + HOUR_MS <= hour_from]
    return _symbol(last, day, before)


def timeframe_quality(
    venue: str, timeframe: Timeframe, newest: int
) -> tuple[dict[str, SignalModelQuality], dict[str, dict[str, float]]]:
    """Measure a timeframe's signals up to `newest` (market time, ms).

    Returns the quality of each model version, and the `live_accuracy` of each coin's.
    """
    since = newest - SIGNAL_CANDLES * timeframe.ms
    versions: defaultdict[str, list[SignalRow]] = defaultdict(list)
    coins: defaultdict[tuple[str, str], list[SignalRow]] = defaultdict(list)
    asked = SignalQuestion(venue, timeframe=timeframe.value, from_ms=since)
    for row in find_signals(asked).rows:
        versions[row.model_version].append(row)
        coins[row.symbol, row.model_version].append(row)
    models: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for (symbol, version), rows in coins.items():
        share = signals.three_class_accuracy(rows)
        if share is not None:
            models[slot(symbol, timeframe)][version] = share
    measured = {
        version: SignalModelQuality(role=rows[-1].role, quality=_of_signals(rows))
        for version, rows in versions.items()
    }
    return measured, dict(models)


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
