"""Exactly once: recorders killed at every step, several at a time, against what the log holds."""

import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import psycopg
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.forecasts.entry import TickEntry
from inference.vocabulary import FORECASTS
from market import keys
from predictions.models import Forecast, ForecastOutcome, LedgerEntry
from predictions.recording import log_reader
from predictions.recording.log_reader import LogEntry, LogReader
from predictions.rows.forecast_rows import FORECAST_FIELDS, tick_rows
from tests.integration.killing import POINTS, Fate, Killed, doomed
from tests.integration.ledger import drain, new_recorder, pending, publish, tick_entry
from tests.postgres import postgres_server

ROOT = Path(__file__).resolve().parents[2]
MIDS = {"BTCUSDT": 100.0, "ETHUSDT": 20.0}

VENUES = (f"venue-{number}" for number in count())


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


def entries_of(venue: str, ticks: int) -> list[TickEntry]:
    """Return entries of consecutive ticks, and one by which all of their targets are past."""
    return [tick_entry(index, MIDS, venue=venue) for index in (*range(ticks), ticks + 20)]


def check_exactly_once(client: redis.Redis, venue: str, entries: list[TickEntry]) -> None:
    """Compare the ledger with what was said: every entry, row and outcome, none of them twice."""
    stored = LedgerEntry.objects.filter(venue=venue).order_by("number")
    assert [bytes(entry.packed or b"") for entry in stored] == [entry.pack() for entry in entries]
    rows = Forecast.objects.filter(venue=venue).order_by("tick", "symbol")
    said = [
        (*row, leaf.index)
        for leaf in stored
        for row in tick_rows(leaf.stream_id, bytes(leaf.packed or b"")).values()
    ]
    assert list(rows.values_list(*FORECAST_FIELDS, "leaf_id")) == said
    graded = ForecastOutcome.objects.filter(forecast__venue=venue)
    assert graded.count() == (len(entries) - 1) * len(MIDS)
    leaves = list(LedgerEntry.objects.order_by("index").values_list("index", flat=True))
    assert leaves == list(range(len(leaves)))
    assert pending(client) == 0


@pytest.mark.django_db
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("heir", ["one", "another"])
def test_recorder_killed_at_any_step_stores_each_prediction_once(
    client: redis.Redis, point: str, heir: str
) -> None:
    entries = entries_of("killed", 12)
    publish(client, *entries[:-1])
    fate = Fate(_killed)

    with doomed(fate):
        first = new_recorder(client, "one")
        first.step(limit=4)
        fate.point = point
        with pytest.raises(Killed):
            first.step(limit=4)
        fate.point = None
        survivor = new_recorder(client, heir, claim_idle_ms=0)
        drain(survivor)
        publish(client, entries[-1])
        drain(survivor)

    check_exactly_once(client, "killed", entries)


@pytest.mark.django_db
def test_recorder_that_takes_over_what_was_committed_but_not_graded_grades_it(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_reader, "CLAIM_EVERY_SECONDS", 0.0)
    entries = entries_of("overtaken", 19)
    publish(client, *entries[:-1])
    swift = new_recorder(client, "swift")

    class SlowReader(LogReader):
        """Is overtaken by the other, beyond the targets of what it has just taken."""

        def take(self, limit: int = 4) -> list[LogEntry]:
            taken = LogReader.take(self, limit)
            drain(swift)
            fate.point = "committed"
            return taken

    fate = Fate(_killed)
    with doomed(fate):
        slow = new_recorder(client, "slow", reader=SlowReader)
        with pytest.raises(Killed):
            slow.step(limit=4)
    swift.reader.claim_idle_ms = 0
    drain(swift)
    publish(client, entries[-1])
    drain(swift)

    check_exactly_once(client, "overtaken", entries)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),  # which recorder goes on
        st.integers(1, 5),  # how many entries it takes at most
        st.sampled_from([None, None, *POINTS]),  # where it dies
    ),
    max_size=14,
)


@pytest.mark.django_db
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    ticks=st.integers(1, 16),
    doubled=st.sets(st.integers(0, 15)),
    steps=STEPS,
    heir=st.sampled_from(["0", "survivor"]),
)
def test_recorders_dealt_entries_and_killed_anywhere_store_each_prediction_once(
    client: redis.Redis,
    ticks: int,
    doubled: set[int],
    steps: list[tuple[int, int, str | None]],
    heir: str,
) -> None:
    client.flushdb()
    venue = next(VENUES)
    entries = entries_of(venue, ticks)
    for index, entry in enumerate(entries[:-1]):
        publish(client, *([entry, entry] if index in doubled else [entry]))
    fate = Fate(_killed)

    with doomed(fate):
        recorders = [new_recorder(client, str(number), claim_idle_ms=0) for number in range(3)]
        for number, limit, point in steps:
            fate.point = point
            try:
                recorders[number].step(limit)
            except Killed:
                recorders[number] = new_recorder(client, str(number), claim_idle_ms=0)
        fate.point = None
        survivor = new_recorder(client, heir, claim_idle_ms=0)
        drain(survivor)
        publish(client, entries[-1])
        drain(survivor)

    check_exactly_once(client, venue, entries)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_recorder_processes_killed_while_several_run_store_each_prediction_once(
    tmp_path: Path, client: redis.Redis, redis_url: str, instance_env: dict[str, str], database: str
) -> None:
    entries = entries_of("storm", 150)
    publish(client, *entries)
    program = [sys.executable, "-m", "tests.integration.killing", str(tmp_path / "var"), redis_url]
    if database == "sqlite":
        path = tmp_path / "ledger.sqlite3"
        _run([*program, f"sqlite:///{path}"], instance_env)
        with closing(sqlite3.connect(path)) as stored:
            rows = stored.execute(_ROWS).fetchall()
            leaves = stored.execute(_LEAVES).fetchall()
    else:
        with postgres_server(tmp_path / "postgres") as url:
            _run([*program, url], instance_env)
            with psycopg.connect(url) as connection:
                rows = connection.execute(_ROWS).fetchall()
                leaves = connection.execute(_LEAVES).fetchall()

    said = {(entry.tick, symbol): 1 for entry in entries for symbol in entry.symbols}
    assert Counter(rows) == said
    assert Counter(bytes(packed) for _, packed in leaves) == {e.pack(): 1 for e in entries}
    assert [index for index, _ in leaves] == list(range(len(entries)))
    assert pending(client) == 0
    assert client.xlen(keys.log(FORECASTS)) == len(entries)


_ROWS = "SELECT tick, symbol FROM predictions_forecast"
_LEAVES = 'SELECT "index", packed FROM predictions_ledgerentry ORDER BY "index"'


def _run(program: list[str], environment: dict[str, str]) -> None:
    subprocess.run(program, cwd=ROOT, env=environment, check=True, timeout=300)


def _killed() -> None:
    raise Killed
