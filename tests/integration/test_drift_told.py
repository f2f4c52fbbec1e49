"""What drift begins, how long its rows are kept, and who tells of it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.test import Client

from inference.artefacts.versions import Slot
from inference.vocabulary import FORECASTS
from market import keys
from predictions.models import DriftReading, TrainingRun
from predictions.promotion.told import (
    DRIFT_FIELD,
    DriftFigure,
    DriftKind,
    DriftTold,
    SlotDrift,
    encode_drift,
)
from training.drift.causes import drift_causes
from training.drift.readings import prune_readings

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def reading(
    hours_ago: float, drifted: bool | None = True, *, version: str = "v1", symbol: str = ""
) -> DriftReading:
    return DriftReading.objects.create(
        slot="forecasts",
        venue="binance",
        symbol=symbol,
        version=version,
        kind="feature",
        name="spread_bp",
        value=1.23,
        effect=0.61,
        drifted=drifted,
        n=1000,
        measured_at=NOW - hours_ago * HOUR,
    )


def test_causes_of_drift_that_lasts_name_slot_and_figures() -> None:
    for hours_ago in range(8):
        reading(hours_ago)

    assert drift_causes(NOW) == [
        (Slot(FORECASTS), "drift in binance: spread_bp (PSI 1.23, KS 0.61)")
    ]


def test_causes_of_two_readings_that_are_far_enough_apart_are_one() -> None:
    reading(0)
    reading(6)

    assert len(drift_causes(NOW)) == 1


@pytest.mark.parametrize(
    "hours",
    [
        {0: True, 3: True},
        {0: False, 6: True, 7: True},
        {0: True, 3: False, 7: True},
        {0: True, 3: None, 7: True},
        {0: True, 40: True},
        {30: True, 37: True},
    ],
    ids=["too young", "over", "interrupted", "unknown once", "not in a row", "not measured"],
)
def test_causes_of_drift_that_did_not_last_are_none(hours: dict[int, bool | None]) -> None:
    for hours_ago, drifted in hours.items():
        reading(hours_ago, drifted)

    assert drift_causes(NOW) == []


def test_causes_count_readings_of_the_serving_version_alone() -> None:
    reading(0, version="v2")
    reading(7, version="v1")

    assert drift_causes(NOW) == []


def test_causes_count_no_single_symbol() -> None:
    reading(0, symbol="ETHUSDT")
    reading(7, symbol="ETHUSDT")

    assert drift_causes(NOW) == []


@pytest.mark.parametrize(("days_ago", "count"), [(6.9, 0), (7.1, 1)])
def test_causes_of_a_slot_that_was_trained_of_late_are_none(days_ago: float, count: int) -> None:
    reading(0)
    reading(7)
    run = TrainingRun.objects.create(
        slot="forecasts", trigger="drift", state="rejected", step="gate"
    )
    TrainingRun.objects.filter(pk=run.pk).update(started_at=NOW - timedelta(days=days_ago))

    assert len(drift_causes(NOW)) == count


def test_prune_keeps_a_season_of_slots_and_two_days_of_symbols() -> None:
    kept = {reading(89 * 24).pk, reading(47, symbol="ETHUSDT").pk}
    reading(91 * 24)
    reading(49, symbol="ETHUSDT")

    assert prune_readings(NOW) == 2
    assert set(DriftReading.objects.values_list("pk", flat=True)) == kept


@pytest.fixture
def told(clean_redis: redis.Redis) -> Iterator[redis.Redis]:
    figures = (
        DriftFigure(
            kind=DriftKind.FEATURE, name="spread_bp", value=1.25, effect=0.5, against="training",
            drifted=True,
        ),
        DriftFigure(kind=DriftKind.FEATURE, name="momentum", value=None),
        DriftFigure(kind=DriftKind.LOSS, name="squared_error", value=0.99, drifted=False),
    )  # fmt: skip
    slot = SlotDrift(slot="forecasts", version="v1", figures=figures)
    now_ms = int(time.time() * 1000)
    drift = DriftTold(venue="binance", live=True, made_ms=now_ms - 60_000, slots=(slot,))
    clean_redis.hset(keys.retraining(), DRIFT_FIELD, encode_drift(drift))
    clean_redis.hset(
        keys.clock(),
        mapping={
            "venue": "binance", "live": "1", "market_ms": now_ms, "wall_ms": now_ms, "speed": 1,
        },
    )  # fmt: skip
    yield clean_redis


def scrape() -> list[str]:
    lines: list[str] = Client().get("/metrics").content.decode().splitlines()
    return [line for line in lines if line.startswith("drift_")]


def test_metrics_show_drift_and_leave_out_what_is_unknown(told: redis.Redis) -> None:
    lines = scrape()

    moved = '{against="training",figure="spread_bp",slot="forecasts",venue="binance",version="v1"}'
    loss = '{against="",figure="squared_error",slot="forecasts",venue="binance",version="v1"}'
    for line in (
        f"drift_psi{moved} 1.25",
        f"drift_ks{moved} 0.5",
        f"drift_found{moved} 1.0",
        f"drift_found{loss} 0.0",
        f"drift_loss_ratio{loss} 0.99",
    ):
        assert line in lines
    assert not [line for line in lines if "momentum" in line]
    [age] = [line for line in lines if line.startswith("drift_age_seconds{")]
    assert 60 <= float(age.split()[-1]) < 120


def test_metrics_of_what_was_told_long_ago_are_none(told: redis.Redis) -> None:
    old = DriftTold(venue="binance", live=True, made_ms=1, slots=())
    told.hset(keys.retraining(), DRIFT_FIELD, encode_drift(old))

    assert scrape() == []


def test_system_tells_of_a_model_that_drifted(told: redis.Redis) -> None:
    alerts = Client().get("/api/system").json()["alerts"]

    [drifted] = [each for each in alerts if each["code"] == "model_drifted"]
    assert (drifted["subject"], drifted["severity"]) == ("forecasts", "warning")
    assert "spread_bp" in drifted["message"]
    assert "manage.py retrain" in drifted["action"]
