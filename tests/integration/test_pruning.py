"""Pruning takes what is old, graded and added up; the tree and a note of it stay."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.db import IntegrityError
from django.db.models import F
from django.utils import timezone

from predictions.accuracy.rollups import store_hour
from predictions.models import Forecast, ForecastOutcome, ForecastRollup, LedgerEntry, Pruning
from predictions.retention import pruning
from predictions.retention.chore import PruningChore
from predictions.retention.pruning import HOUR_MS, Pruner
from predictions.transparency.tree import leaf_hash
from tests.integration.ledger import FIRST_TICK_MS, drain, new_recorder, publish, tick_entry

pytestmark = pytest.mark.django_db

TICKS_AN_HOUR = 1_800
DAY = 24 * TICKS_AN_HOUR
MIDS = {"BTCUSDT": 100.0, "ETHUSDT": 20.0}


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


def record(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch, *ticks: int, days_ago: float = 0.0
) -> None:
    """Store entries of these ticks as a recorder of some days ago."""
    publish(client, *(tick_entry(index, MIDS) for index in ticks))
    then = datetime.now(UTC) - timedelta(days=days_ago)
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: then)
        drain(new_recorder(client))


def add_up(hour: int = 0) -> None:
    assert store_hour("test", FIRST_TICK_MS + hour * HOUR_MS)


def prune(days: int = 30) -> PruningChore:
    chore = PruningChore(Pruner(days))
    while chore.run():
        pass
    return chore


@pytest.fixture
def old_hour(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten ticks of 40 days ago, graded and added up; and five of today, two days later."""
    # The last ones tell the prices that the first ones are graded by.
    record(client, monkeypatch, *range(15), days_ago=40)
    record(client, monkeypatch, 2 * DAY, days_ago=0)
    record(client, monkeypatch, *range(2 * DAY + 1, 2 * DAY + 6))
    add_up()


@pytest.mark.usefixtures("old_hour")
def test_prune_takes_old_rows_and_bytes_but_no_hash() -> None:
    before = list(LedgerEntry.objects.order_by("index"))

    chore = prune()

    assert chore.detail() == {"forecasts": 30, "kept_hours": 0}
    assert set(Forecast.objects.values_list("leaf_id", flat=True)) == set(range(15, 21))
    assert ForecastOutcome.objects.count() == 2
    after = list(LedgerEntry.objects.order_by("index"))
    assert [entry.packed is None for entry in after] == [True] * 15 + [False] * 6
    for was, entry in zip(before, after, strict=True):
        assert bytes(entry.leaf_hash) == bytes(was.leaf_hash)
        assert bytes(was.leaf_hash) == leaf_hash(
            f"{was.stream_id}\n".encode() + bytes(was.packed or b"")
        )
    note = Pruning.objects.get()
    assert (note.engine, note.venue, note.rows, note.open) == ("forecasts", "test", 30, False)
    assert note.before_ts == FIRST_TICK_MS + 24 * HOUR_MS
    assert ForecastRollup.objects.count() == 2


@pytest.mark.usefixtures("old_hour")
def test_prune_in_small_parts_takes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "ROWS_A_TIME", 1)
    chore = PruningChore(Pruner(30))

    assert chore.run()
    assert 0 < Forecast.objects.count() < 42
    while chore.run():
        pass

    assert Forecast.objects.count() == 12
    assert Pruning.objects.get().rows == 30


@pytest.mark.usefixtures("old_hour")
def test_prune_of_nothing_old_or_of_no_retention_takes_nothing() -> None:
    prune(days=45)
    prune(days=0)

    assert Forecast.objects.count() == 42
    assert not Pruning.objects.exists()


def test_prune_hour_that_is_not_graded_or_not_added_up_stays(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(client, monkeypatch, *range(15), days_ago=40)
    ungraded = Forecast.objects.filter(outcome__isnull=True).count()
    assert ungraded == 10
    assert prune().detail() == {"forecasts": 0, "kept_hours": 1}

    record(client, monkeypatch, 20, 30, 31, days_ago=40)
    assert prune().detail() == {"forecasts": 0, "kept_hours": 1}
    [hour] = Pruner(30).hours("test")
    assert "roll-ups hold 0 of" in hour.kept_because or "graded" in hour.kept_because
    with pytest.raises(ValueError, match="may not be pruned"):
        Pruner(30).prune(hour)

    assert Forecast.objects.count() == 36


@pytest.mark.usefixtures("old_hour")
def test_prune_hour_whose_roll_ups_hold_more_than_its_rows_stays() -> None:
    ForecastRollup.objects.update(said=F("said") * 10)

    assert prune().detail() == {"forecasts": 0, "kept_hours": 1}

    assert Forecast.objects.count() == 42


def test_prune_hour_of_which_some_was_stored_later_stays(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch, old_hour: None
) -> None:
    publish(client, tick_entry(2, MIDS, model_version="v2", base_version="v2"))
    drain(new_recorder(client))
    add_up()

    assert prune().detail() == {"forecasts": 0, "kept_hours": 1}
    [hour] = Pruner(30).hours("test")
    assert hour.kept_because == "some of it was stored later"


def test_prune_counts_time_and_not_ticks(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A loop that speaks every second numbers its ticks by seconds.
    seconds = FIRST_TICK_MS // 1_000
    for days_ago, first in ((40, 0), (0, 2 * DAY)):
        ticks = range(first, first + 15)
        publish(client, *(tick_entry(n, MIDS, tick=seconds + 2 * n) for n in ticks))
        with monkeypatch.context() as patch:
            then = datetime.now(UTC) - timedelta(days=days_ago)
            patch.setattr(timezone, "now", lambda then=then: then)
            drain(new_recorder(client))
    add_up()

    prune()

    assert Forecast.objects.count() == 30
    assert LedgerEntry.objects.filter(packed=None).count() == 15


@pytest.mark.usefixtures("old_hour")
def test_prune_leaves_no_guard_open_behind_it() -> None:
    prune()

    with pytest.raises(IntegrityError, match="append-only"):
        ForecastOutcome.objects.all().delete()


@pytest.mark.usefixtures("old_hour")
def test_prune_ledger_tells_and_then_does(settings: Any) -> None:
    settings.FORECAST_RETENTION_DAYS = 30
    told, done = StringIO(), StringIO()

    call_command("prune_ledger", "--dry-run", stdout=told, skip_checks=True)
    assert Forecast.objects.count() == 42
    call_command("prune_ledger", stdout=done, skip_checks=True)

    assert Forecast.objects.count() == 12
    assert "test 2026-01-01T00:00Z: 30 forecasts" in told.getvalue()
    assert "30 forecasts would go; 0 hours stay" in told.getvalue()
    assert "30 forecasts went; 0 hours stay" in done.getvalue()


def test_prune_ledger_without_a_retention_says_that_all_is_kept(
    settings: Any,
) -> None:
    settings.FORECAST_RETENTION_DAYS = 0
    told = StringIO()

    call_command("prune_ledger", stdout=told, skip_checks=True)

    assert "everything is kept" in told.getvalue()
