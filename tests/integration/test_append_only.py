"""The database refuses to change what was said, and lets pruning take only what it names."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.db import IntegrityError, connection, models, transaction

from inference.vocabulary import FORECASTS, SIGNALS
from predictions.models import (
    Checkpoint,
    Forecast,
    ForecastOutcome,
    LedgerEntry,
    LogTile,
    Pruning,
    Signal,
    SignalGap,
    SignalOutcome,
)
from predictions.moments import moment
from predictions.retention.append_only import TABLES
from tests.integration.ledger import FIRST_TICK_MS, drain, new_recorder, publish, tick_entry

pytestmark = pytest.mark.django_db

MODELS: tuple[type[models.Model], ...] = (
    Forecast, ForecastOutcome, Signal, SignalGap, SignalOutcome, LedgerEntry, LogTile, Checkpoint,
    Pruning,
)  # fmt: skip
CHANGES: dict[type[models.Model], dict[str, Any]] = {
    Forecast: {"p_up": 1.0},
    ForecastOutcome: {"direction_hit": True},
    LedgerEntry: {"stream_ms": 0},
    LogTile: {"root": bytes(32)},
    Checkpoint: {"note": "other"},
    Pruning: {"before_ts": 0},
}


@pytest.fixture
def ledger(redis_url: str) -> Iterator[None]:
    """A row of each kind that a recorder of forecasts leaves; nothing may be pruned."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        publish(client, *(tick_entry(index) for index in range(8)))
        drain(new_recorder(client))
        client.flushdb()
    LogTile.objects.create(level=0, index=0, root=bytes(32), hashes=bytes(64))
    Checkpoint.objects.create(size=8, root=bytes(32), note="note", vkey="key")
    Pruning.objects.create(engine=FORECASTS, venue="test", before_ts=2**60, open=False)
    yield


def allow(**changes: Any) -> Pruning:
    named = {"engine": FORECASTS, "venue": "test", "before_ts": FIRST_TICK_MS + 2_000}
    return Pruning.objects.create(**(named | changes))


def refused(change: Any) -> bool:
    before = counts()
    try:
        with transaction.atomic():
            change()
    except IntegrityError as error:
        assert "append-only" in str(error)
        assert counts() == before
        return True
    return False


def counts() -> list[int]:
    return [model._default_manager.count() for model in MODELS]


def test_triggers_each_table_of_the_ledger_has_its_own() -> None:
    assert {table.name for table in TABLES} == {model._meta.db_table for model in MODELS}
    catalogue = {
        "postgresql": "SELECT DISTINCT tgname FROM pg_trigger WHERE NOT tgisinternal",
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    }
    with connection.cursor() as cursor:
        cursor.execute(catalogue[connection.vendor])
        there = {name for (name,) in cursor.fetchall()}
    for table in TABLES:
        assert {f"append_only_{table.name}_{event}" for event in ("update", "delete")} <= there


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("model", CHANGES, ids=lambda model: str(model.__name__))
def test_update_of_what_was_said_is_refused(model: type[models.Model]) -> None:
    row = model._default_manager.filter(pk=model._default_manager.order_by("pk")[0].pk)
    assert refused(lambda: row.update(**CHANGES[model]))


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("model", CHANGES, ids=lambda model: str(model.__name__))
def test_delete_of_what_was_said_is_refused(model: type[models.Model]) -> None:
    with connection.cursor() as cursor:
        assert refused(lambda: cursor.execute(f"DELETE FROM {model._meta.db_table}"))  # noqa: S608


@pytest.mark.usefixtures("ledger")
def test_replace_of_what_was_said_is_refused() -> None:
    if connection.vendor == "sqlite":  # the only one that knows it, and deletes by it
        copied = "REPLACE INTO predictions_logtile SELECT id, level, 1, root, hashes"
        with connection.cursor() as cursor:
            assert refused(lambda: cursor.execute(f"{copied} FROM predictions_logtile"))
    else:
        with connection.cursor() as cursor:
            assert refused(lambda: cursor.execute("TRUNCATE predictions_logtile"))


@pytest.mark.usefixtures("ledger")
def test_delete_while_pruning_is_open_takes_what_it_names_alone() -> None:
    allow()

    old, newer = Forecast.objects.order_by("tick")[:2]
    assert refused(ForecastOutcome.objects.filter(forecast=newer).delete)
    ForecastOutcome.objects.filter(forecast=old).delete()
    Forecast.objects.filter(predicted_at__lte=moment(FIRST_TICK_MS)).delete()

    assert Forecast.objects.count() == 7
    assert ForecastOutcome.objects.count() == 2


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("named", [{"venue": "other"}, {"engine": SIGNALS}, {"open": False}])
def test_delete_while_pruning_names_something_else_is_refused(named: dict[str, Any]) -> None:
    allow(**named)

    assert refused(ForecastOutcome.objects.order_by("pk").filter(forecast__tick__gt=0).delete)


@pytest.mark.usefixtures("ledger")
def test_update_while_pruning_is_open_may_only_empty_an_entry() -> None:
    allow()
    first = LedgerEntry.objects.filter(index=0)

    assert refused(lambda: first.update(packed=b"other"))
    assert refused(lambda: first.update(packed=None, leaf_hash=bytes(32)))
    assert refused(lambda: LedgerEntry.objects.filter(index=1).update(packed=None))
    first.update(packed=None)

    assert first.get().packed is None


@pytest.mark.usefixtures("ledger")
def test_update_of_a_pruning_may_not_change_what_it_names() -> None:
    opened = Pruning.objects.filter(pk=allow().pk)

    assert refused(lambda: opened.update(before_ts=2**60))
    assert refused(lambda: opened.update(venue="other"))
    opened.update(rows=5, open=False)

    assert opened.get().rows == 5


@pytest.mark.django_db(transaction=True)
def test_flush_of_a_test_with_transactions_of_its_own_leaves_nothing() -> None:
    # Emptied between tests, whichever of these two comes second.
    assert not LogTile.objects.exists()
    LogTile.objects.create(level=0, index=0, root=bytes(32), hashes=bytes(64))


test_flush_of_another_test_with_transactions_leaves_nothing = (
    test_flush_of_a_test_with_transactions_of_its_own_leaves_nothing
)
