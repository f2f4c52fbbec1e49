"""How far the recorder is behind, and the alarm before a stream reaches its bound."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.db import OperationalError, connection
from django.test import Client

from inference.vocabulary import FORECASTS
from market import keys
from predictions.recording import backlog
from predictions.recording.backlog import BacklogWatch, memory_share
from predictions.recording.log_reader import LogReader
from predictions.recording.loop import RecordingLoop
from tests.integration.ledger import drain, new_recorder, publish, tick_entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


def reader(client: redis.Redis) -> LogReader:
    return LogReader(client, FORECASTS, "one")


def publish_aged(client: redis.Redis, *ages_hours: float) -> None:
    """Append entries that have lain in the log for so long."""
    seconds: Any = client.time()
    for number, age in enumerate(ages_hours):
        entry_id = f"{int((seconds[0] - age * 3600) * 1000)}-{number}"
        client.xadd(keys.log(FORECASTS), {"entry": tick_entry(number).pack()}, id=entry_id)


def beat(client: redis.Redis) -> tuple[str, dict[str, Any]]:
    told: Any = client.hgetall(keys.health("recorder"))
    return told[b"status"].decode(), json.loads(told[b"detail"])


def test_backlog_without_a_log_is_none(client: redis.Redis) -> None:
    assert reader(client).backlog() == (0, 0.0)


def test_backlog_counts_what_was_never_read_and_what_was_not_acknowledged(
    client: redis.Redis,
) -> None:
    publish_aged(client, 3, 2, 1)
    asked = reader(client)
    assert asked.backlog().entries == 3
    assert asked.backlog().seconds == pytest.approx(3 * 3600, abs=5)

    first, _ = asked.take(2)
    assert asked.backlog().entries == 3
    asked.acknowledge([first])
    assert asked.backlog().entries == 2
    assert asked.backlog().seconds == pytest.approx(2 * 3600, abs=5)

    drain(new_recorder(client))
    assert asked.backlog() == (0, 0.0)


def test_run_log_that_is_far_behind_is_degraded_until_it_is_stored(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "LOOK_EVERY_SECONDS", 0.0)
    monkeypatch.setattr("predictions.recording.loop.BEAT_SECONDS", 0.0)
    publish_aged(client, 13, 1)
    loop = RecordingLoop([new_recorder(client)], client, lambda: False)

    with connection.execute_wrapper(_no_database), pytest.raises(OperationalError):
        loop.run(once=True)
    loop._beat()
    status, detail = beat(client)
    assert status == "degraded"
    assert "2 entries that are not stored, the oldest since 13.0 h" in detail["error"]
    assert detail["behind_entries"] == 2

    loop.run(once=True)
    assert beat(client)[0] == "healthy"
    assert beat(client)[1]["behind_seconds"] == 0.0


def test_run_redis_near_its_maxmemory_is_degraded(client: redis.Redis) -> None:
    watch = BacklogWatch(client, [reader(client)], most_memory=0.0)

    error = watch.look()

    share = memory_share(client)
    assert share is not None and 0 < share < 1
    assert "of its maxmemory" in error
    assert watch.detail()["redis_memory_ratio"] == pytest.approx(share, abs=0.1)


def test_memory_share_without_a_limit_is_unknown(client: redis.Redis) -> None:
    limit: Any = client.config_get("maxmemory")
    client.config_set("maxmemory", 0)
    try:
        assert memory_share(client) is None
    finally:
        client.config_set("maxmemory", limit["maxmemory"])


def test_metrics_tell_what_the_recorder_told(client: redis.Redis) -> None:
    publish(client, tick_entry(0))
    RecordingLoop([new_recorder(client)], client, lambda: False).run(once=True)

    told = Client().get("/metrics").content.decode()

    assert 'recorder_behind_entries{log="forecasts"}' in told
    assert 'recorder_behind_seconds{log="forecasts"}' in told
    assert "recorder_up 1.0" in told
    [line] = [each for each in told.splitlines() if each.startswith("redis_memory_ratio ")]
    assert 0 < float(line.split()[1]) < 1


def test_metrics_without_a_recorder_say_so_and_nothing_else(client: redis.Redis) -> None:
    told = Client().get("/metrics").content.decode()

    assert "recorder_up 0.0" in told
    assert "recorder_behind_entries{" not in told


def _no_database(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    raise OperationalError("database is away")
