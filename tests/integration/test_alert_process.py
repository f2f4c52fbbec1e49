"""The process of alerts with its real judgement: Redis killed and started, idle, tried out."""

import asyncio
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from pytest_django import Settings
from structlog.testing import capture_logs

from cryptosite.processes.redis_layout import find_program, locate
from cryptosite.processes.redis_server import RedisServer
from market import keys
from predictions.alerting import database, heartbeat, process
from predictions.alerting.judging import judge
from predictions.alerting.loop import AlertLoop
from predictions.models import Incident
from predictions.watching import report
from tests.integration.alert_loops import HOLD, KEY, RECOVERY, AlertRun, Clock
from tests.integration.receivers import Receiver, receiver
from tests.integration.system.told import ROOM, beat

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Iterator[Receiver]:
    with receiver() as served:
        yield served


@pytest.fixture(autouse=True)
def this_machine(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    """One with room, whose settings are in order, and that follows no market."""
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(report, "host_facts", lambda _: ROOM)
    monkeypatch.setattr(report, "run_checks", lambda tags: [])


@pytest.fixture
def server(short_dir: Path, settings: Settings) -> Iterator[RedisServer]:
    """A Redis of the test's own, which the settings name."""
    server = RedisServer(locate(short_dir), find_program(), memory="64mb")
    server.start()
    settings.REDIS_URL = locate(short_dir).url
    yield server
    server.stop(drain_seconds=0)


def all_beat(*, model: str = "loaded", found: str = "") -> None:
    with redis.Redis.from_url(_url()) as client:
        for process in ("market", "signals", "alerts"):
            beat(client, process)
        beat(client, "recorder", spot_check={"error": found})
        beat(client, "inference", components={"model": {"status": model}})


def _url() -> str:
    return str(configured.REDIS_URL)


def test_redis_killed_is_told_once_and_hides_no_other_incident(
    server: RedisServer, people: Receiver
) -> None:
    run = AlertRun(Clock(), alerts=(people.url("json"),))
    run.loop.look = judge
    all_beat(model="missing", found="entry 7 is not what was stored")
    run.step()
    run.step(HOLD)
    assert sorted(people.titles) == [
        "Critical: ledger broken (recorder)",
        "Critical: model missing (inference)",
    ]

    server.stop(drain_seconds=0)
    run.step()
    run.step(HOLD)
    run.step(RECOVERY)
    assert people.titles[2:] == ["Critical: redis away (redis)"]

    server.start()
    all_beat()
    run.step()
    run.step(RECOVERY)

    assert sorted(people.titles[3:]) == [
        "Recovered: ledger broken (recorder)",
        "Recovered: model missing (inference)",
        "Recovered: redis away (redis)",
    ]
    assert not Incident.objects.filter(ended_at=None).exists()


def test_process_that_ends_is_told_and_its_other_incidents_stay_open(
    server: RedisServer, people: Receiver
) -> None:
    run = AlertRun(Clock(), alerts=(people.url("json"),))
    run.loop.look = judge
    all_beat(model="missing")
    run.step()
    run.step(HOLD)

    with redis.Redis.from_url(_url()) as client:
        client.delete(keys.health("inference"))
    run.step(1)
    run.step(HOLD)
    run.step(RECOVERY)

    assert people.titles == [
        "Critical: model missing (inference)",
        "Critical: process down (inference)",
    ]


def test_process_that_starts_anew_ends_no_incident_before_it_is_well(
    server: RedisServer, people: Receiver
) -> None:
    run = AlertRun(Clock(), alerts=(people.url("json"),))
    run.loop.look = judge
    all_beat(model="missing")
    run.step()
    run.step(HOLD)

    with redis.Redis.from_url(_url()) as client:
        beat(client, "inference", status="starting")
    run.step(1)
    run.step(RECOVERY)
    assert people.titles == ["Critical: model missing (inference)"]

    all_beat()
    run.step(1)
    run.step(RECOVERY)

    assert people.titles[1:] == ["Recovered: model missing (inference)"]


def test_unconfigured_process_idles_and_says_so(
    clean_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.01)
    told = iter((False, True))

    asyncio.run(heartbeat.idle(lambda: next(told)))

    assert clean_redis.hget(keys.health("alerts"), "status") == "idle"
    ttl: Any = clean_redis.ttl(keys.health("alerts"))
    assert 0 < ttl <= keys.HEALTH_TTL_SECONDS


def test_send_test_alert_tries_every_address_and_names_those_that_failed(
    settings: Settings, people: Receiver
) -> None:
    settings.ALERT_URLS = (people.url("json"),)
    settings.SIGNAL_ALERT_URLS = (people.url("json", "/other"),)
    settings.WEBHOOK_URLS, settings.WEBHOOK_KEY = (people.url(),), KEY
    said = io.StringIO()

    call_command("send_test_alert", stdout=said)

    assert said.getvalue().count(": sent") == 3
    assert "hunter2secret" not in said.getvalue()
    assert sorted(each.path for each in people.received) == ["/hook", "/hook", "/other"]

    people.answers = [500, 500, 500]
    with pytest.raises(CommandError, match="3 of 3 addresses did not take it"):
        call_command("send_test_alert", stdout=said)
    assert "hunter2secret" not in said.getvalue()


def test_send_test_alert_without_an_address_says_what_to_set() -> None:
    with pytest.raises(CommandError, match="none of ALERT_URLS"):
        call_command("send_test_alert")


@pytest.mark.parametrize("command", ["run_alerts", "send_test_alert"])
def test_address_that_apprise_cannot_read_is_refused_without_telling_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    settings.ALERT_URLS, settings.ALERTING = ("nosuch://hunter2secret/x",), True
    monkeypatch.setattr("market.stopping.StopFlag.install", lambda self: self)

    with pytest.raises(CommandError, match="apprise cannot read the address nosuch://") as refused:
        call_command(command)

    told: Any = refused.value
    assert told.returncode == 78
    assert "hunter2secret" not in str(told)


def test_address_that_apprise_cannot_read_is_named_once_and_the_others_are_served(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, people: Receiver
) -> None:
    settings.ALERT_URLS = (people.url("json"), "nosuch://hunter2secret/x")
    settings.WEBHOOK_URLS, settings.WEBHOOK_KEY = (people.url(),), KEY
    served: list[AlertLoop] = []

    async def run(loop: AlertLoop, stopping: object) -> None:
        served.append(loop)

    monkeypatch.setattr(AlertLoop, "run", run)
    with capture_logs() as logs:
        asyncio.run(process.serve(lambda: True))

    [loop] = served
    keys_of = [each.key for each in (*loop.config.alerts, *loop.config.signals)]
    assert len(keys_of) == 2 and set(keys_of) == set(loop.senders)
    [told] = logs
    assert (told["event"], told["setting"], told["number"]) == (
        "address_unreadable",
        "ALERT_URLS",
        2,
    )
    assert told["scheme"] == "nosuch" and "hunter2secret" not in str(told)


async def test_database_that_hangs_is_away_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LONGEST_SECONDS", 0.05)
    answers = threading.Event()

    with pytest.raises(database.AWAY):
        await database.in_database(answers.wait, 10)

    answers.set()
