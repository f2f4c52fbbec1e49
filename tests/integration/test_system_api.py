"""`/api/system`: how the instance is and what is wrong now, whatever is away."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.checks import Warning as Warned
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from inference.vocabulary import FORECASTS
from market import keys
from market.listings import SymbolStatus
from predictions.api import health
from predictions.models import Checkpoint
from predictions.recording.backlog import MOST_SECONDS_BEHIND
from predictions.transparency.anchored import last_anchored, remember_anchored
from predictions.transparency.verified import last_verified, remember_verified
from predictions.watching import ledger_facts, report
from predictions.watching.host_facts import memory_bytes
from tests.hot_state import write_listings
from tests.integration.ledger import stored_leaf

pytestmark = pytest.mark.django_db

ROOM = {
    "disk_free_bytes": 50_000_000_000,
    "disk_total_bytes": 100_000_000_000,
    "memory_available_bytes": 4_000_000_000,
    "memory_total_bytes": 8_000_000_000,
}


@pytest.fixture(autouse=True)
def no_checks(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    """The settings of tests have contradictions of their own, and the machine its own room."""
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(report, "host_facts", lambda _: ROOM)
    monkeypatch.setattr(report, "run_checks", lambda tags: [])
    monkeypatch.setattr(report, "_checked", (float("-inf"), []))


@pytest.fixture
def well(clean_redis: redis.Redis) -> Iterator[redis.Redis]:
    """A Redis in which every process says that it is in order."""
    for process in ("market", "inference", "signals", "recorder", "web"):
        beat(clean_redis, process)
    yield clean_redis


def beat(client: redis.Redis, process: str, status: str = "healthy", **detail: Any) -> None:
    now_ms = round(timezone.now().timestamp() * 1000)
    fields: Any = {"status": status, "pid": 1, "ts": now_ms, "detail": json.dumps(detail)}
    client.hset(keys.health(process), mapping=fields)


def asked(client: Client) -> dict[str, Any]:
    response = client.get("/api/system")
    assert response.status_code == 200
    document: dict[str, Any] = response.json()
    return document


def codes(document: dict[str, Any]) -> list[str]:
    return [each["code"] for each in document["alerts"]]


def test_system_all_well_has_no_alert(client: Client, well: redis.Redis) -> None:
    document = asked(client)

    assert (document["health"], document["alerts"]) == ("healthy", [])
    assert document["redis"]["policy"] == "noeviction"
    assert document["redis"]["memory_ratio"] > 0
    assert document["ledger"]["entries"] == 0
    assert document["ledger"]["last_commit_at"] is None
    assert document["downloads"] == {"running": 0, "at_most": 4}


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


def test_system_streams_tell_backlog_and_dead_letters(client: Client, well: redis.Redis) -> None:
    log = keys.log(FORECASTS)
    well.xadd(log, {"entry": "a"}, id="1-1")
    well.xadd(log, {"entry": "b"})
    well.xgroup_create(log, keys.RECORDER_GROUP, id="0")
    well.xreadgroup(keys.RECORDER_GROUP, "someone", {log: ">"}, count=1)
    well.lpush(keys.dead_letters(FORECASTS), "x")

    document = asked(client)

    told = next(each for each in document["streams"] if each["engine"] == FORECASTS)
    assert (told["length"], told["pending"], told["lag"]) == (2, 1, 1)
    assert (told["behind_entries"], told["dead_letters"]) == (2, 1)
    assert told["behind_seconds"] > MOST_SECONDS_BEHIND
    assert codes(document) == ["near_bound", "dead_letters"]


def test_system_key_of_another_type_is_named(client: Client, well: redis.Redis) -> None:
    well.set(keys.log(FORECASTS), "no stream")

    document = asked(client)

    assert "stream_unreadable" in codes(document)
    told = next(each for each in document["streams"] if each["engine"] == FORECASTS)
    assert told["length"] is None


def test_system_redis_away_is_told_and_the_database_still_known(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.REDIS_URL = f"unix://{tmp_path / 'nobody.sock'}"

    document = asked(client)

    assert document["health"] == "unhealthy"
    assert codes(document) == ["redis_away"]
    assert document["streams"] is document["market"] is None
    assert document["ledger"]["entries"] == 0
    assert document["processes"]["market"] == {"status": "unknown"}


def test_system_database_away_is_told_and_the_rest_still_known(
    client: Client, well: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(health, "_ask_database", away)

    document = asked(client)

    assert document["health"] == "degraded"
    assert codes(document) == ["database_away"]
    assert document["ledger"] is None
    assert document["streams"] is not None


def test_system_database_lost_in_between_is_told_too(
    client: Client, well: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> int:
        raise OperationalError("gone")

    monkeypatch.setattr(ledger_facts, "database_bytes", away)

    document = asked(client)

    assert codes(document) == ["database_away"]
    assert document["database"]["status"] == "unavailable"


def test_system_ledger_tells_commit_checkpoint_and_anchor(
    client: Client, well: redis.Redis, settings: Settings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    leaf = stored_leaf()
    Checkpoint.objects.create(size=leaf.index + 1, root=b"0" * 32, note="n", vkey="v")
    remember_anchored(tmp_path, "git", leaf.index + 1)

    ledger = asked(client)["ledger"]

    assert ledger["entries"] == leaf.index + 1
    assert ledger["checkpoint"]["entries_since"] == 0
    assert (ledger["anchored"]["to"], ledger["anchored"]["size"]) == ("git", leaf.index + 1)
    assert ledger["last_commit_age_seconds"] < 60


@pytest.mark.parametrize("text", ["", "{", "[]", '{"to": 1}'])
def test_last_anchored_garbage_is_unknown(tmp_path: Path, text: str) -> None:
    (tmp_path / "anchored.json").write_text(text)

    assert last_anchored(tmp_path) is None


def test_system_contradicting_settings_are_alerts(
    client: Client, well: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Warned("API_TOKEN is short.", hint="Use a random one.", id="cryptosite.W003")
    monkeypatch.setattr(report, "run_checks", lambda tags: [found])

    (alert,) = asked(client)["alerts"]

    assert (alert["code"], alert["subject"]) == ("cryptosite.W003", "settings")
    assert (alert["message"], alert["action"]) == ("API_TOKEN is short.", "Use a random one.")


def test_system_tells_no_secret(client: Client, well: redis.Redis, settings: Settings) -> None:
    settings.API_TOKEN = "a-token-that-nobody-may-see"

    response = client.get("/api/system", headers={"Authorization": f"Bearer {settings.API_TOKEN}"})

    assert response.json()["about"]["settings"]["API_TOKEN"] == "set"
    assert settings.API_TOKEN not in response.content.decode()
    assert settings.SECRET_KEY not in response.content.decode()
    assert client.get("/api/system").status_code == 401


FEED: dict[str, Any] = {
    "exchange": "binance",
    "connections": [
        {"name": "market-1", "up": True, "age_ms": 5_000.0, "proof_age_ms": 20.0},
        {"name": "market-2", "up": True, "symbols": ["BTCUSDT"]},
    ],
    "counters": {"frames": 1_000, "gaps": 40, "conflated": 9},
    "clock_offset_ms": 12.5,
    "clock_uncertainty_ms": 3.0,
}


LOST = {"name": "market-1", "up": False, "error": "reset", "symbols": ["ETHUSDT"]}


def test_system_live_feed_in_order_is_told_without_an_alert(
    client: Client, well: redis.Redis
) -> None:
    beat(well, "market", "active", feed=FEED)
    write_listings(well, "binance", BTCUSDT=SymbolStatus.TRADING)
    document = asked(client)
    assert document["alerts"] == []
    assert document["outage"] is None
    assert document["feed"]["clock_offset_ms"] == 12.5
    assert document["feed"]["connections"][0]["proof_age_ms"] == 20.0
    assert document["listings"]["venue"] == "binance"
    assert document["listings"]["symbols"][0]["symbol"] == "BTCUSDT"


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"clock_offset_ms": 1_400.0}, "clock_offset", "binance is 1.40 s ahead of"),
        ({"clock_offset_ms": -1_400.0}, "clock_offset", "binance is 1.40 s behind"),
        ({"clock_offset_ms": 1_400.0, "clock_uncertainty_ms": 500.0}, None, ""),
        ({"last_minute": {"gaps": 7}}, "sequence_gaps", "7 books"),
        ({"last_minute": {"gaps": 6}}, None, ""),
        ({"last_minute": {"conflated": 12}}, "feed_conflated", "12 updates"),
        (
            {"connections": [FEED["connections"][0], FEED["connections"][1] | {"up": False}]},
            "connection_lost",
            "1 of 2 connections to binance are down: market-2: BTCUSDT.",
        ),
        (
            {"connections": [LOST | {"proof_age_ms": 29_999.0}]},
            "connection_lost",
            "1 of 1 connections to binance are down: market-1: ETHUSDT (reset).",
        ),
        (
            {"connections": [LOST | {"proof_age_ms": 30_000.0}]},
            "feed_down",
            "tried binance (reset)",
        ),
    ],
)
def test_system_live_feed_in_trouble_is_an_alert_in_words(
    client: Client, well: redis.Redis, changes: dict[str, Any], code: str | None, said: str
) -> None:
    beat(well, "market", "active", feed=FEED | changes)
    alerts = asked(client)["alerts"]
    assert [each["code"] for each in alerts] == ([code] if code else [])
    assert all(said in each["message"] for each in alerts)


def test_system_outage_is_one_alert_that_says_who_was_tried(
    client: Client, well: redis.Redis
) -> None:
    tried = [{"exchange": "binance", "error": "timed out"}, {"exchange": "kraken", "error": "no"}]
    beat(well, "market", "feed_down", outage={"since_ms": 1_767_225_600_000, "tried": tried})
    refused = {"feed_down": ["BTCUSDT"], "symbol_halted": ["ETHUSDT"]}
    beat(well, "inference", "degraded", components={"feature_quality": {"refused": refused}})
    document = asked(client)
    (alert,) = document["alerts"]
    assert (alert["code"], alert["severity"]) == ("feed_down", "critical")
    assert (
        "since 2026-01-01 00:00:00 UTC; tried binance (timed out), kraken (no)" in alert["message"]
    )
    assert document["outage"]["tried"] == tried
    assert document["health"] == "degraded"


def test_system_market_that_is_simulated_for_want_of_an_exchange_says_so(
    client: Client, well: redis.Redis
) -> None:
    beat(well, "market", "active", source="auto", tried=[{"exchange": "kraken", "error": "451"}])

    [alert] = asked(client)["alerts"]

    assert (alert["code"], alert["severity"]) == ("simulated_instead", "info")
    assert "kraken (451)" in alert["message"]


def test_metrics_tell_what_the_market_process_told(client: Client, well: redis.Redis) -> None:
    beat(well, "market", "active", feed=FEED)
    told = client.get("/metrics").content.decode()
    assert "market_up 1.0" in told and "market_feed_down 0.0" in told
    assert 'market_feed_connections{exchange="binance",state="up"} 2.0' in told
    assert 'market_feed_events_total{exchange="binance",what="gaps"} 40.0' in told
    assert 'market_clock_offset_seconds{exchange="binance"} 0.0125' in told
    beat(well, "market", "feed_down", outage={"since_ms": 1.0})
    told = client.get("/metrics").content.decode()
    assert "market_up 1.0" in told and "market_feed_down 1.0" in told
    assert "market_clock_offset_seconds{" not in told
    well.delete(keys.health("market"))
    assert "market_up 0.0" in client.get("/metrics").content.decode()


def test_system_coins_that_are_not_traded_are_named_once(client: Client, well: redis.Redis) -> None:
    write_listings(
        well,
        "binance",
        BTCUSDT=SymbolStatus.TRADING,
        ETHUSDT=SymbolStatus.HALTED,
        SOLUSDT=SymbolStatus.DELISTED,
    )
    document = asked(client)
    assert codes(document) == ["symbol_halted", "symbol_delisted"]
    assert "binance has halted trading in ETHUSDT." in document["alerts"][0]["message"]
    assert [each["symbol"] for each in document["listings"]["symbols"]] == [
        "ETHUSDT", "SOLUSDT", "BTCUSDT",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lacking", "code", "severity"),
    [
        ({"disk_free_bytes": 1_900_000_000}, "disk_low", "warning"),
        ({"disk_free_bytes": 400_000_000}, "disk_low", "critical"),
        ({"memory_available_bytes": 399_000_000}, "memory_low", "warning"),
        ({"disk_free_bytes": None}, "", ""),
    ],
)
def test_system_machine_that_runs_out_is_told(
    client: Client, well: redis.Redis, monkeypatch: pytest.MonkeyPatch,
    lacking: dict[str, Any], code: str, severity: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(report, "host_facts", lambda _: ROOM | lacking)

    document = asked(client)

    found = [(each["code"], each["severity"]) for each in document["alerts"]]
    assert found == ([(code, severity)] if code else [])
    assert document["host"] == ROOM | lacking


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


def test_verified_faults_seen_against_kept_checkpoints_stand_until_checked_so_again(
    tmp_path: Path,
) -> None:
    def faults() -> object:
        return (last_verified(tmp_path) or {})["faults"]

    remember_verified(tmp_path, 2, against=True)
    remember_verified(tmp_path, 0, against=False)
    assert faults() == 2

    remember_verified(tmp_path, 0, against=True)
    assert faults() == 0


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


def test_memory_of_a_container_is_what_its_group_may_have(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 100000\n")

    assert memory_bytes(tmp_path) == (200_000, 1_000_000)

    (tmp_path / "memory.max").write_text("max\n")
    assert memory_bytes(tmp_path)[1] > 1_000_000
