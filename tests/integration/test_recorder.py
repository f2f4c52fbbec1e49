"""The recorder against a real Redis and a real database: nothing lost, nothing doubled."""

from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
import redis
from django.db import OperationalError, connection
from django.forms.models import model_to_dict
from structlog.testing import capture_logs

from inference.vocabulary import FORECASTS, Reason, Source
from market import keys
from predictions.models import Forecast, ForecastOutcome
from predictions.recording.log_reader import LogEntry, LogReader
from predictions.said_features import forecast_features
from tests.integration.ledger import NAN, drain, new_recorder, pending, publish, tick_entry

pytestmark = pytest.mark.django_db


class DyingReader(LogReader):
    """Is killed between the commit and the acknowledgement."""

    def acknowledge(self, entries: list[LogEntry]) -> None:
        raise KeyboardInterrupt


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_url)
    client.flushdb()
    yield client
    client.close()


def test_step_entry_of_two_symbols_is_stored_and_acknowledged(client: redis.Redis) -> None:
    entry = tick_entry(3, {"BTCUSDT": 100.0, "ETHUSDT": 20.0})
    publish(client, entry)

    drain(new_recorder(client))

    btc, eth = Forecast.objects.order_by("symbol")
    assert (btc.symbol, btc.venue, btc.live, btc.tick) == ("BTCUSDT", "test", False, entry.tick)
    assert (btc.prediction_ts, btc.target_ts) == (entry.tick_ms, entry.tick_ms + 10_000)
    assert btc.predicted_at.timestamp() * 1000 == entry.tick_ms
    assert btc.made_ts == entry.tick_ms + 1
    assert (btc.mid_price, eth.mid_price) == (100.0, 20.0)
    assert list((forecast_features(eth) or {}).values()) == list(range(20, 40))
    assert (btc.leaf_id, eth.leaf_id, btc.leaf.packed) == (0, 0, entry.pack())
    assert pending(client) == 0


def test_step_unknown_numbers_are_stored_as_null(client: redis.Redis) -> None:
    unknown = {"predicted_price": NAN, "lower": NAN, "upper": float("inf"), "current_price": 0.0}
    publish(
        client,
        tick_entry(
            columns=unknown | {"confidence": NAN, "feature_ts_ms": NAN},
            sources=[Source.ERROR.value],
            reasons=[Reason.FEATURES_MISSING.value],
        ),
    )

    drain(new_recorder(client))

    row = Forecast.objects.get()
    assert row.model_version == "v1-error"
    assert row.base_version == "v1"
    for name in ("predicted_price", "lower", "upper", "current_price", "p_up", "confidence"):
        assert getattr(row, name) is None, name
    assert row.feature_ts is None


def test_step_entry_delivered_twice_is_stored_once(client: redis.Redis) -> None:
    publish(client, tick_entry(0), tick_entry(0))

    drain(new_recorder(client))

    assert Forecast.objects.count() == 1
    assert pending(client) == 0


def test_restart_between_commit_and_acknowledgement_neither_loses_nor_doubles(
    client: redis.Redis,
) -> None:
    publish(client, *(tick_entry(index) for index in range(8)))
    first = new_recorder(client, reader=DyingReader)
    with pytest.raises(KeyboardInterrupt):
        first.step()
    assert Forecast.objects.count() == 8
    assert pending(client) == 8
    before = [model_to_dict(outcome) for outcome in ForecastOutcome.objects.all()]

    drain(new_recorder(client))

    assert Forecast.objects.count() == 8
    assert pending(client) == 0
    assert [model_to_dict(outcome) for outcome in ForecastOutcome.objects.all()] == before


def test_step_entries_of_a_dead_consumer_are_taken_over(client: redis.Redis) -> None:
    publish(client, tick_entry(0), tick_entry(1))
    dead = LogReader(client=client, engine=FORECASTS, consumer="dead")
    assert len(dead.take()) == 2

    drain(new_recorder(client, "alive", claim_idle_ms=0))

    assert Forecast.objects.count() == 2
    assert pending(client) == 0


def test_step_entry_of_a_living_consumer_is_left_alone(client: redis.Redis) -> None:
    publish(client, tick_entry(0))
    other = LogReader(client=client, engine=FORECASTS, consumer="other")
    assert len(other.take()) == 1

    drain(new_recorder(client, "one", claim_idle_ms=30_000))

    assert Forecast.objects.count() == 0
    assert pending(client) == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xc1 not msgpack",
        msgpack.packb([99, "another format"]),
        msgpack.packb({"a": 1}),
        tick_entry(1).pack()[:-9],
        tick_entry(1, venue="v" * 97).pack(),
        tick_entry(1, venue="nul\0").pack(),
        tick_entry(1, tick="seven").pack(),
        tick_entry(1, tick_ms=2**62).pack(),
        tick_entry(1, sources=[]).pack(),
        tick_entry(1, sources=["oracle"]).pack(),
        tick_entry(1, made_ms=NAN).pack(),
    ],
)
def test_step_garbage_entry_is_set_aside_and_the_others_are_stored(
    client: redis.Redis, garbage: bytes
) -> None:
    _, bad_id, _ = publish(client, tick_entry(0), garbage, tick_entry(2))
    recorder = new_recorder(client)

    drain(recorder)

    assert Forecast.objects.count() == 2
    assert pending(client) == 0
    assert recorder.tally.dead_letters == 1
    letters: Any = client.lrange(keys.dead_letters(FORECASTS), 0, -1)
    kept_id, error, packed = msgpack.unpackb(letters[0])
    assert (kept_id, packed) == (bad_id.decode(), garbage)
    assert error


def test_step_entry_without_the_field_is_set_aside_with_what_it_holds(client: redis.Redis) -> None:
    client.xadd(keys.log(FORECASTS), {"other": "x"})
    recorder = new_recorder(client)

    with capture_logs() as logs:
        drain(recorder)

    assert (recorder.tally.vanished, recorder.tally.dead_letters) == (0, 1)
    assert pending(client) == 0
    letters: Any = client.lrange(keys.dead_letters(FORECASTS), 0, -1)
    assert msgpack.unpackb(letters[0])[2] == {b"other": b"x"}
    assert [line["log"] for line in logs] == ["log:forecasts"]


def test_step_entry_that_was_trimmed_before_it_was_stored_counts_as_vanished(
    client: redis.Redis,
) -> None:
    [entry_id] = publish(client, tick_entry(0))
    recorder = new_recorder(client)
    recorder.reader.take()
    client.xdel(keys.log(FORECASTS), entry_id)

    with capture_logs() as logs:
        drain(recorder)

    assert (recorder.tally.vanished, recorder.tally.dead_letters) == (1, 0)
    assert pending(client) == 0
    assert [(line["event"], line["log"]) for line in logs] == [("entry_vanished", "log:forecasts")]


def test_step_database_away_keeps_entries_until_it_is_back(client: redis.Redis) -> None:
    recorder = new_recorder(client)
    recorder.step()
    publish(client, tick_entry(0), tick_entry(1))

    with connection.execute_wrapper(_no_database):
        for _ in range(3):
            with pytest.raises(OperationalError):
                recorder.step()
    assert pending(client) == 2

    drain(recorder)
    assert Forecast.objects.count() == 2
    assert pending(client) == 0


def test_step_redis_that_came_back_empty_is_recorded_from_its_beginning(
    client: redis.Redis,
) -> None:
    recorder = new_recorder(client)
    publish(client, tick_entry(0))
    drain(recorder)
    client.flushdb()
    publish(client, tick_entry(1))

    drain(recorder)

    assert Forecast.objects.count() == 2


def _no_database(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    raise OperationalError("database is away")
