"""Whether a bot may act on what is said of a symbol now: every check has to hold.

It fails closed: what is absent, unreadable or not measured is no yes. Read by `/api/tradeable`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inference.signals.signal import Signal
from inference.vocabulary import Role, SignalReason, Source
from market.clock import MarketTime
from predictions.accuracy.quality import ForecastQuality, Quality, SignalQuality

QUALITY_AGE_MS = 180_000
"""The recorder measures every minute; what is older tells of a recorder that is away."""
ECE_LIMIT = 0.03
FORECAST_ECE_N = 1_000
SIGNAL_ECE_N = 300
"""Below so many even a perfect model shows an ECE near the limit."""
COVERAGE_DRIFT = 0.05
ETA_COVERAGE_DRIFT = 0.1
ETA_COVERAGE = 0.8
SKILL_DRIFT = 0.01
AHEAD_MS = 1_000.0
"""So far ahead of this clock another one may be."""

Value = float | str | bool | None


class Refusal(StrEnum):
    """Why it is not tradeable; the field `reasons`."""

    REDIS_UNAVAILABLE = "redis_unavailable"
    DATABASE_UNAVAILABLE = "database_unavailable"
    NOT_LIVE = "not_live"
    NOT_SAID = "not_said"
    FALLBACK = "fallback"
    STALE = "stale"
    NOT_PROMOTED = "not_promoted"
    NOT_CALIBRATED = "not_calibrated"
    DRIFTING = "drifting"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True, slots=True)
class Check:
    """One condition: what was found, what is allowed, and why it does not hold ("": it does)."""

    name: str
    value: Value
    limit: Value
    reason: str = ""

    @property
    def ok(self) -> bool:
        return not self.reason


def failed(name: str, reason: Refusal) -> Check:
    """Return a check of something that could not even be read."""
    return Check(name, None, None, reason.value)


def forecast_checks(
    forecast: Mapping[str, object] | None,
    market: MarketTime,
    quality: ForecastQuality | None,
    *,
    wall_ms: float,
    age_limit_ms: float,
    features_limit_ms: float,
) -> list[Check]:
    """Check the newest forecast, as `/predict` shows it, at wall time, UTC in ms."""
    if forecast is None:
        return [_live(market, market.venue, said_live=True), failed("said", Refusal.NOT_SAID)]
    now_ms = market.market_at(wall_ms)
    symbol, version = str(forecast["symbol"]), str(forecast["model_version"])
    age_ms = now_ms - _number(forecast["timestamp"])
    checks = [
        _live(market, str(forecast["venue"]), said_live=forecast["live"] is True),
        _is("source", str(forecast["source"]), Source.REDIS.value, Refusal.FALLBACK),
        _between("prediction_age_ms", age_ms, age_limit_ms),
        _between(
            "features_age_ms",
            age_ms + _number(forecast["features_age_ms"]),
            features_limit_ms,
        ),
        _measured_at(quality, market, wall_ms),
    ]
    known = quality.symbols.get(symbol) if quality is not None else None
    model = known.models.get(version) if known is not None else None
    if model is None or not _same_market(quality, market):
        return [*checks, failed("model", Refusal.NOT_MEASURED)]
    return [
        *checks,
        _is("role", model.role, Role.CHAMPION.value, Refusal.NOT_PROMOTED),
        _calibrated(model.day, FORECAST_ECE_N),
        _coverage(model.hour, model.reference.coverage, COVERAGE_DRIFT),
        _skill(model.hour, model.reference.skill),
    ]


def signal_checks(
    signal: Signal | None, market: MarketTime, quality: SignalQuality | None, *, wall_ms: float
) -> list[Check]:
    """Check the newest signal of a timeframe at wall time, UTC in ms.

    Coins of one timeframe share a network, so its calibration and drift are of all of them.
    """
    if signal is None:
        return [_live(market, market.venue, said_live=True), failed("said", Refusal.NOT_SAID)]
    age_ms = market.market_at(wall_ms) - signal.prediction_ms
    shown = signal.reason is not SignalReason.NO_SKILL_SHOWN
    checks = [
        _live(market, signal.venue, said_live=signal.live),
        _between("prediction_age_ms", age_ms, signal.valid_until_ms - signal.prediction_ms),
        _is("role", signal.role.value, Role.CHAMPION.value, Refusal.NOT_PROMOTED),
        _is("skill_shown", shown, True, Refusal.NOT_PROMOTED),
        _measured_at(quality, market, wall_ms),
    ]
    models = quality.timeframes.get(signal.timeframe.value, {}) if quality is not None else {}
    model = models.get(signal.model_version)
    if model is None or not _same_market(quality, market):
        return [*checks, failed("model", Refusal.NOT_MEASURED)]
    return [
        *checks,
        _calibrated(model.quality, SIGNAL_ECE_N),
        _coverage(model.quality, ETA_COVERAGE, ETA_COVERAGE_DRIFT),
        _skill(model.quality, 0.0),
    ]


def reasons(checks: Sequence[Check]) -> list[str]:
    """Return why not, each reason once; empty where it is tradeable."""
    return list(dict.fromkeys(check.reason for check in checks if check.reason))


def _live(market: MarketTime, venue: str, *, said_live: bool) -> Check:
    # Time that does not run at the speed of UTC is nobody's live market.
    real = market.live and said_live and venue == market.venue and market.speed == 1.0
    return Check("live", real, True, "" if real else Refusal.NOT_LIVE.value)


def _is(name: str, value: str | bool, limit: str | bool, refusal: Refusal) -> Check:
    return Check(name, value, limit, "" if value == limit else refusal.value)


def _between(name: str, age_ms: float, limit_ms: float) -> Check:
    # A time that lies ahead is as wrong as one that is long gone; NaN is neither.
    fresh = -AHEAD_MS <= age_ms <= limit_ms
    known = age_ms == age_ms
    return Check(name, age_ms if known else None, limit_ms, "" if fresh else Refusal.STALE.value)


def _measured_at(
    quality: ForecastQuality | SignalQuality | None, market: MarketTime, wall_ms: float
) -> Check:
    age_ms = wall_ms - quality.made_ms if quality is not None else None
    near = age_ms is not None and -AHEAD_MS <= age_ms <= QUALITY_AGE_MS
    fresh = near and _same_market(quality, market)
    reason = "" if fresh else Refusal.NOT_MEASURED.value
    return Check("record_age_ms", age_ms, QUALITY_AGE_MS, reason)


def _same_market(quality: ForecastQuality | SignalQuality | None, market: MarketTime) -> bool:
    return quality is not None and quality.venue == market.venue and quality.live == market.live


def _calibrated(quality: Quality, least: int) -> Check:
    if quality.ece is None or quality.ece_n < least:
        return Check("ece", quality.ece, ECE_LIMIT, Refusal.NOT_MEASURED.value)
    refused = quality.ece > ECE_LIMIT
    return Check("ece", quality.ece, ECE_LIMIT, Refusal.NOT_CALIBRATED.value if refused else "")


def _coverage(quality: Quality, reference: float | None, most: float) -> Check:
    value, low, high = quality.coverage, quality.coverage_lower, quality.coverage_upper
    if value is None or low is None or high is None or reference is None:
        return Check("coverage", value, reference, Refusal.NOT_MEASURED.value)
    away = abs(value - reference) > most and not low <= reference <= high
    return Check("coverage", value, reference, Refusal.DRIFTING.value if away else "")


def _skill(quality: Quality, reference: float | None) -> Check:
    # Against the class shares of the same hours: a wild hour is not a worse model.
    value, high = quality.skill, quality.skill_upper
    if value is None or high is None or reference is None:
        return Check("log_loss_skill", value, reference, Refusal.NOT_MEASURED.value)
    worse = high < reference - SKILL_DRIFT
    return Check("log_loss_skill", value, reference, Refusal.DRIFTING.value if worse else "")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
