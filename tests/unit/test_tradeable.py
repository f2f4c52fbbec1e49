"""Every check of tradeable, one broken at a time: nothing but all of them together is a yes."""

from typing import Any, TypeVar

import msgspec
import pytest

from inference.signals.signal import Signal
from inference.vocabulary import Role, SignalReason, Source
from market.clock import MarketTime
from predictions.accuracy.quality import (
    ForecastQuality,
    ModelQuality,
    Quality,
    SignalModelQuality,
    SignalQuality,
    SymbolQuality,
)
from predictions.accuracy.tradeable import (
    QUALITY_AGE_MS,
    Check,
    forecast_checks,
    reasons,
    signal_checks,
)
from tests.integration.made_signals import MADE_MS, a_signal

NOW_MS = float(MADE_MS + 1_000)
MARKET = MarketTime("binance", live=True, market_ms=0.0, wall_ms=0.0, speed=1.0)
GOOD = Quality(
    n=1_500, hit_n=1_400, hit_rate=0.55, mae_ratio=0.99,
    coverage=0.9, coverage_lower=0.88, coverage_upper=0.92, ece=0.012, ece_n=1_500,
    skill=0.02, skill_lower=0.01, skill_upper=0.03,
)  # fmt: skip


StructT = TypeVar("StructT", bound=msgspec.Struct)


def changed(struct: StructT, **changes: Any) -> StructT:
    return msgspec.structs.replace(struct, **changes)


def model(**changes: Any) -> ModelQuality:
    return changed(
        ModelQuality(role=Role.CHAMPION.value, hour=GOOD, day=GOOD, reference=GOOD), **changes
    )


def forecast_record(spoken: ModelQuality | None = None, **changes: Any) -> ForecastQuality:
    symbol = SymbolQuality(hour=GOOD, day=GOOD, models={"v1": spoken or model()})
    made_ms = int(NOW_MS) - 60_000
    made = ForecastQuality(venue="binance", live=True, made_ms=made_ms, symbols={"BTCUSDT": symbol})
    return changed(made, **changes)


def forecast(**changes: Any) -> dict[str, object]:
    said: dict[str, object] = {
        "symbol": "BTCUSDT",
        "timestamp": int(NOW_MS) - 1_500,
        "model_version": "v1",
        "features_age_ms": 20.0,
        "source": Source.REDIS.value,
        "venue": "binance",
        "live": True,
    }
    return said | changes


def of_forecast(
    said: dict[str, object] | None,
    record: ForecastQuality | None,
    market: MarketTime = MARKET,
) -> list[Check]:
    return forecast_checks(
        said, market, record, wall_ms=NOW_MS, age_limit_ms=5_000, features_limit_ms=5_000
    )


def test_forecast_of_a_live_fresh_promoted_calibrated_steady_model_is_tradeable() -> None:
    checks = of_forecast(forecast(), forecast_record())
    assert reasons(checks) == []
    assert [check.name for check in checks] == [
        "live", "source", "prediction_age_ms", "features_age_ms", "record_age_ms",
        "role", "ece", "coverage", "log_loss_skill",
    ]  # fmt: skip
    assert all(check.ok and check.limit is not None for check in checks)


@pytest.mark.parametrize(
    ("changes", "name", "reason"),
    [
        ({"live": False}, "live", "not_live"),
        ({"venue": "simulated/1"}, "live", "not_live"),
        ({"source": Source.TREND.value}, "source", "fallback"),
        ({"timestamp": int(NOW_MS) - 6_000}, "prediction_age_ms", "stale"),
        ({"timestamp": int(NOW_MS) + 60_000}, "prediction_age_ms", "stale"),
        ({"features_age_ms": 4_000.0}, "features_age_ms", "stale"),
        ({"features_age_ms": None}, "features_age_ms", "stale"),
        ({"model_version": "v2"}, "model", "not_measured"),
        ({"symbol": "ETHUSDT"}, "model", "not_measured"),
    ],
)
def test_forecast_that_is_not_as_it_should_be_is_refused(
    changes: dict[str, Any], name: str, reason: str
) -> None:
    checks = of_forecast(forecast(**changes), forecast_record())
    assert reasons(checks) == [reason]
    assert name in [check.name for check in checks if not check.ok]


BAD_COVERAGE = changed(GOOD, coverage=0.7, coverage_lower=0.66, coverage_upper=0.74)
UNCERTAIN_COVERAGE = changed(GOOD, coverage=0.7, coverage_lower=0.4, coverage_upper=1.0)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, ["not_measured"]),
        (forecast_record(made_ms=int(NOW_MS) - QUALITY_AGE_MS - 1), ["not_measured"]),
        (forecast_record(made_ms=int(NOW_MS) + 1_001), ["not_measured"]),
        (forecast_record(venue="exchange"), ["not_measured"]),
        (forecast_record(live=False), ["not_measured"]),
        (forecast_record(model(role=Role.BASELINE.value)), ["not_promoted"]),
        (forecast_record(model(day=changed(GOOD, ece=0.031))), ["not_calibrated"]),
        (forecast_record(model(day=changed(GOOD, ece_n=999))), ["not_measured"]),
        (forecast_record(model(day=changed(GOOD, ece=None))), ["not_measured"]),
        (forecast_record(model(hour=BAD_COVERAGE)), ["drifting"]),
        (forecast_record(model(hour=UNCERTAIN_COVERAGE)), []),
        (forecast_record(model(hour=changed(GOOD, coverage=None))), ["not_measured"]),
        (forecast_record(model(reference=changed(GOOD, coverage=None))), ["not_measured"]),
        (forecast_record(model(hour=changed(GOOD, skill=-0.1, skill_upper=-0.05))), ["drifting"]),
        (forecast_record(model(hour=changed(GOOD, skill_upper=None))), ["not_measured"]),
        (forecast_record(model(reference=changed(GOOD, skill=None))), ["not_measured"]),
    ],
)
def test_forecast_without_a_good_record_is_refused(
    record: ForecastQuality | None, expected: list[str]
) -> None:
    assert reasons(of_forecast(forecast(), record)) == expected


@pytest.mark.parametrize(
    "market",
    [
        MarketTime("binance", live=False, market_ms=0.0, wall_ms=0.0, speed=1.0),
        MarketTime("another", live=True, market_ms=0.0, wall_ms=0.0, speed=1.0),
        MarketTime("binance", live=True, market_ms=NOW_MS, wall_ms=NOW_MS, speed=60.0),
    ],
)
def test_forecast_of_a_market_that_is_not_the_live_one_is_refused(market: MarketTime) -> None:
    assert "not_live" in reasons(of_forecast(forecast(), forecast_record(), market))


def test_forecast_that_was_not_said_is_refused() -> None:
    assert reasons(of_forecast(None, forecast_record())) == ["not_said"]


def signal_record(spoken: SignalModelQuality | None = None, **changes: Any) -> SignalQuality:
    good = SignalModelQuality(
        role="champion",
        quality=changed(
            GOOD, n=800, ece_n=800, coverage=0.8, coverage_lower=0.75, coverage_upper=0.85
        ),
    )
    made = SignalQuality(
        venue="binance",
        live=True,
        made_ms=int(NOW_MS),
        models={},
        timeframes={"15m": {live_signal().model_version: spoken or good}},
    )
    return changed(made, **changes)


def live_signal(**changes: Any) -> Signal:
    return changed(
        a_signal(), **({"venue": "binance", "live": True, "role": Role.CHAMPION} | changes)
    )


def of_signal(
    signal: Signal | None, record: SignalQuality | None, after_ms: float = 0
) -> list[str]:
    return reasons(signal_checks(signal, MARKET, record, wall_ms=NOW_MS + after_ms))


def test_signal_of_a_live_promoted_calibrated_steady_model_is_tradeable() -> None:
    assert of_signal(live_signal(), signal_record()) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"live": False}, ["not_live"]),
        ({"venue": "replay/1"}, ["not_live"]),
        ({"role": Role.BASELINE}, ["not_promoted"]),
        ({"reason": SignalReason.NO_SKILL_SHOWN}, ["not_promoted"]),
        ({"model_version": "other"}, ["not_measured"]),
    ],
)
def test_signal_that_is_not_as_it_should_be_is_refused(
    changes: dict[str, Any], expected: list[str]
) -> None:
    assert of_signal(live_signal(**changes), signal_record()) == expected


def test_signal_that_expired_is_stale() -> None:
    assert of_signal(live_signal(), signal_record(), after_ms=120_000) == ["stale"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ece": 0.05}, ["not_calibrated"]),
        ({"ece_n": 299}, ["not_measured"]),
        ({"coverage": 0.5, "coverage_lower": 0.4, "coverage_upper": 0.6}, ["drifting"]),
        ({"skill": -0.2, "skill_upper": -0.1}, ["drifting"]),
    ],
)
def test_signal_without_a_good_record_is_refused(
    changes: dict[str, Any], expected: list[str]
) -> None:
    good = signal_record().timeframes["15m"][live_signal().model_version]
    spoken = changed(good, quality=changed(good.quality, **changes))
    assert of_signal(live_signal(), signal_record(spoken)) == expected


def test_signal_without_any_record_or_signal_is_refused() -> None:
    assert of_signal(live_signal(), None) == ["not_measured"]
    assert of_signal(None, signal_record()) == ["not_said"]
