"""`manage.py run_recorder` itself: signals, a Redis that goes and comes back, PostgreSQL."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
import redis

from cryptosite.processes.redis_layout import RedisInstance, find_program, locate
from cryptosite.processes.redis_server import RedisServer
from market import keys
from tests.integration.ledger import publish, tick_entry
from tests.postgres import postgres_server
from tests.waiting import PATIENCE_SECONDS, eventually_sync

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def redis_server(instance: RedisInstance) -> Iterator[redis.Redis]:
    with (
        RedisServer(instance, find_program(), memory="64mb"),
        redis.Redis.from_url(instance.url) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as url:
        yield url


def manage(*arguments: str, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment)


def rows(database_url: str, query: LiteralString) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(query).fetchall()


def test_run_recorder_on_postgresql_survives_a_redis_restart_and_stops_on_sigterm(
    tmp_path: Path, instance_env: dict[str, str], postgres_url: str
) -> None:
    instance = locate(tmp_path / "var")
    environment = instance_env | {"REDIS_URL": instance.url, "DATABASE_URL": postgres_url}
    migrate = manage("migrate", "--skip-checks", environment=environment)
    assert migrate.wait(PATIENCE_SECONDS) == 0
    count: LiteralString = "SELECT count(*) FROM predictions_forecast"

    with redis_server(instance) as client:
        publish(client, *(tick_entry(index) for index in range(3)), b"garbage")
        recorder = manage("run_recorder", environment=environment)
        try:
            eventually_sync(lambda: rows(postgres_url, count) == [(3,)])
            eventually_sync(lambda: client.hgetall(keys.health("recorder")))
        except TimeoutError:
            recorder.kill()
            raise
    try:
        with redis_server(instance) as client:
            publish(client, *(tick_entry(index) for index in range(3, 10)))
            eventually_sync(lambda: rows(postgres_url, count) == [(10,)])
            recorder.send_signal(signal.SIGTERM)
            assert recorder.wait(PATIENCE_SECONDS) == 0
    finally:
        if recorder.poll() is None:
            recorder.kill()
            recorder.wait()

    outcomes = rows(
        postgres_url,
        "SELECT status, price_from, direction_hit, covered, count(*)"
        " FROM predictions_forecastoutcome GROUP BY 1, 2, 3, 4",
    )
    assert outcomes == [("graded", "tick", None, True, 5)]


def test_run_recorder_once_without_a_redis_says_so_and_fails(
    tmp_path: Path, instance_env: dict[str, str]
) -> None:
    environment = instance_env | {
        "REDIS_URL": f"unix://{tmp_path / 'nobody.sock'}",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'ledger.sqlite3'}",
    }
    assert manage("migrate", "--skip-checks", environment=environment).wait(PATIENCE_SECONDS) == 0

    recorder = manage("run_recorder", "--once", environment=environment)

    assert recorder.wait(PATIENCE_SECONDS) == 1
