"""The recorder as a process: trimming, outages, heartbeat, stopping, both databases."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from django.db import OperationalError, connection

from inference.vocabulary import FORECASTS
from market import keys
from predictions.models import Forecast
from predictions.recording.forecast_recorder import Recorder
from predictions.recording.log_reader import LogReader
from predictions.recording.loop import RecordingLoop
from tests.integration.ledger import drain, new_recorder, publish, tick_entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_url)
    client.flushdb()
    yield client
    client.close()


def test_trim_drops_what_is_old_and_committed_only(client: redis.Redis) -> None:
    publish(client, *(tick_entry(index) for index in range(4)))
    recorder = new_recorder(client)
    drain(recorder)
    publish(client, tick_entry(4))

    assert recorder.reader.trim(retention_ms=24 * 3_600_000) == 0
    recorder.reader.trim(retention_ms=-60_000)

    left = [entry_id for entry_id, _ in entries_of(client)]
    assert len(left) == 2  # the last committed one and the one not yet read


def test_trim_keeps_what_a_consumer_has_not_committed(client: redis.Redis) -> None:
    ids = publish(client, *(tick_entry(index) for index in range(4)))
    slow = LogReader(client=client, engine=FORECASTS, consumer="slow")
    held = slow.take(2)
    slow.acknowledge(held[:1])
    recorder = new_recorder(client)
    drain(recorder)

    recorder.reader.trim(retention_ms=-60_000)

    assert [entry_id for entry_id, _ in entries_of(client)] == ids[1:]


def test_trim_keeps_what_another_group_has_not_read(client: redis.Redis) -> None:
    ids = publish(client, *(tick_entry(index) for index in range(3)))
    client.xgroup_create(keys.log(FORECASTS), "archive", id="0")
    recorder = new_recorder(client)
    drain(recorder)

    recorder.reader.trim(retention_ms=-60_000)

    assert [entry_id for entry_id, _ in entries_of(client)] == ids


def test_trim_of_a_log_that_nobody_has_read_drops_nothing(client: redis.Redis) -> None:
    publish(client, *(tick_entry(index) for index in range(3)))
    recorder = new_recorder(client, retention_ms=-60_000)

    assert recorder.reader.trim(retention_ms=-60_000) == 0
    recorder.step(limit=1)

    assert len(entries_of(client)) == 3


def test_step_with_the_database_away_still_trims_what_is_committed(client: redis.Redis) -> None:
    publish(client, *(tick_entry(index) for index in range(4)))
    drain(new_recorder(client))
    publish(client, tick_entry(4), tick_entry(5))
    recorder = new_recorder(client, retention_ms=-60_000)

    with connection.execute_wrapper(_Outage(failures=1)), pytest.raises(OperationalError):
        recorder.step()

    # The last that was committed marks the place; what was not is all there.
    assert len(entries_of(client)) == 3


def test_run_once_records_what_is_there_and_says_so(client: redis.Redis) -> None:
    publish(client, *(tick_entry(index) for index in range(70)))
    recorder = new_recorder(client)

    RecordingLoop([recorder], client, _never).run(once=True)

    assert Forecast.objects.count() == 70
    beat: Any = client.hgetall(keys.health("recorder"))
    assert beat[b"status"] == b"healthy"
    assert "entries" in json.loads(beat[b"detail"])
    assert 0 < int(client.ttl(keys.health("recorder"))) <= keys.HEALTH_TTL_SECONDS


def test_run_max_entries_stops_there(client: redis.Redis) -> None:
    publish(client, *(tick_entry(index) for index in range(70)))

    RecordingLoop([new_recorder(client)], client, _never).run(max_entries=40)

    assert Forecast.objects.count() == 40


@pytest.mark.django_db(transaction=True)
def test_run_outage_is_waited_for_and_shown(client: redis.Redis) -> None:
    recorder = new_recorder(client)
    loop = RecordingLoop([recorder], client, Forecast.objects.exists)
    publish(client, tick_entry(0))
    outage = _Outage(failures=3)
    step, errors = recorder.step, []

    def stepping(limit: int) -> bool:
        errors.append(loop.error)
        return step(limit)

    loop.recorders = [_Stepping(recorder, stepping)]  # type: ignore[list-item]
    with connection.execute_wrapper(outage):
        loop.run()

    assert Forecast.objects.count() == 1
    assert loop.retries == 3
    assert "OperationalError" in errors[-2]
    assert loop.error == ""


@dataclass
class _Stepping:
    """A recorder whose step is watched."""

    inner: Recorder
    step: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass
class _Outage:
    """A database that refuses the first inserts of forecasts."""

    failures: int

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if self.failures and sql.startswith("INSERT"):
            self.failures -= 1
            raise OperationalError("database is away")
        return execute(sql, params, many, context)


def _never() -> bool:
    return False


def entries_of(client: redis.Redis) -> Any:
    return client.xrange(keys.log(FORECASTS))
