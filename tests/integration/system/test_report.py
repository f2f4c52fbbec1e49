"""`/api/system`: how the instance is, whatever of it is away."""

from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.checks import Warning as Warned
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from inference.vocabulary import FORECASTS
from market import keys
from predictions.api import health
from predictions.models import Checkpoint
from predictions.recording.backlog import MOST_SECONDS_BEHIND
from predictions.transparency.anchored import last_anchored, remember_anchored
from predictions.transparency.verified import last_verified, remember_verified
from predictions.watching import ledger_facts, report
from predictions.watching.host_facts import memory_bytes
from tests.integration.ledger import stored_leaf
from tests.integration.system.told import ROOM, asked, codes

pytestmark = pytest.mark.django_db


def test_system_all_well_has_no_alert(client: Client, well: redis.Redis) -> None:
    document = asked(client)

    assert (document["health"], document["alerts"]) == ("healthy", [])
    assert document["redis"]["policy"] == "noeviction"
    assert document["redis"]["memory_ratio"] > 0
    assert document["ledger"]["entries"] == 0
    assert document["ledger"]["last_commit_at"] is None
    assert document["downloads"] == {"running": 0, "at_most": 4}


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


def test_memory_of_a_container_is_what_its_group_may_have(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 100000\n")

    assert memory_bytes(tmp_path) == (200_000, 1_000_000)

    (tmp_path / "memory.max").write_text("max\n")
    assert memory_bytes(tmp_path)[1] > 1_000_000
