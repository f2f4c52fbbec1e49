"""`/api/system`: what is wrong with the processes, by their own account."""

from pathlib import Path

import pytest
import redis
from django.test import Client
from pytest_django import Settings

from market import keys
from predictions.transparency.verified import remember_verified
from tests.integration.system.told import asked, beat, codes

pytestmark = pytest.mark.django_db


def test_system_silent_process_is_critical_and_says_what_is_lacking(
    client: Client, well: redis.Redis
) -> None:
    well.delete(keys.health("recorder"))

    document = asked(client)

    (alert,) = document["alerts"]
    assert (alert["code"], alert["severity"]) == ("process_down", "critical")
    assert alert["subject"] == "recorder"
    assert alert["action"]
    assert document["health"] == "degraded"


def test_system_troubles_of_heartbeats_come_in_order_of_severity(
    client: Client, well: redis.Redis
) -> None:
    beat(well, "recorder", "degraded", error="the log of forecasts is long")
    beat(well, "inference", "degraded", components={"model": {"status": "missing"}})
    beat(well, "signals", "standby")

    document = asked(client)

    assert codes(document) == ["model_missing", "recorder_troubled", "process_standby"]


def test_system_names_forecast_symbols_whose_features_are_refused_in_one_alert(
    client: Client, well: redis.Redis
) -> None:
    refused = {"other_venue": ["ETHUSDT"], "stale_features": [f"C{n}USDT" for n in range(10)]}
    quality = {"stale_feature_rate": 0.5, "refused": refused | {"nonsense": ["X"]}}
    beat(well, "inference", "degraded", components={"feature_quality": quality})

    (alert,) = asked(client)["alerts"]

    assert (alert["code"], alert["subject"]) == ("features_refused", "inference")
    assert "ETHUSDT (the features come from another market" in alert["message"]
    assert "C7USDT and 2 more (the features are older" in alert["message"]
    assert "FORECAST_SYMBOLS" in alert["action"]


@pytest.mark.parametrize(
    "detail", ["{", "[1]", '{"components": [], "refused": {}, "timeframes": 1}']
)
def test_system_garbage_heartbeats_are_passed_by(
    client: Client, well: redis.Redis, detail: str
) -> None:
    for process in ("market", "inference", "signals", "recorder"):
        well.hset(keys.health(process), "detail", detail)

    assert asked(client)["alerts"] == []


@pytest.mark.parametrize(("missed", "slow", "told"), [(6, 0, True), (5, 5, False), (0, 30, True)])
def test_system_late_loop_is_told(
    client: Client, well: redis.Redis, missed: int, slow: int, told: bool
) -> None:
    pipeline = {"missed_ticks": missed, "too_slow": slow}
    beat(well, "inference", components={"prediction_pipeline": pipeline})

    assert codes(asked(client)) == (["loop_late"] if told else [])


def test_system_broken_ledger_is_told_as_the_recorder_and_the_last_check_found_it(
    client: Client, well: redis.Redis, tmp_path: Path
) -> None:
    beat(well, "recorder", spot_check={"error": "entry 7 is not what was stored"})
    remember_verified(tmp_path, 3, against=False)

    document = asked(client)

    found = [(each["code"], each["subject"]) for each in document["alerts"]]
    assert sorted(found) == [("ledger_broken", "database"), ("ledger_broken", "recorder")]
    assert document["ledger"]["verified"]["faults"] == 3


def test_system_process_without_anything_to_do_idles_and_is_missed_once_it_has(
    client: Client, well: redis.Redis, settings: Settings
) -> None:
    document = asked(client)
    assert document["processes"]["alerts"] == {"status": "idle"}
    assert document["alerts"] == []

    settings.ALERTING = True
    document = asked(client)

    assert document["processes"]["alerts"] == {"status": "down"}
    (alert,) = document["alerts"]
    assert (alert["code"], alert["subject"]) == ("process_down", "alerts")
    assert document["health"] == "degraded"


def test_system_dead_messages_are_told(
    client: Client, well: redis.Redis, settings: Settings
) -> None:
    settings.ALERTING = True
    beat(well, "alerts", dead=2)

    assert codes(asked(client)) == ["messages_dead"]
