"""Fixtures for every test: one private Redis a session, and a way to start child processes.

With TEST_DATABASE=postgresql the tests that touch the database run, on a PostgreSQL of the
session's own, and no other.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from cryptosite.processes.redis_layout import find_program, locate
from cryptosite.processes.redis_server import RedisServer
from tests.environment import instance_environment
from tests.flushing import flush_past_triggers
from tests.postgres import postgres_server

MOST_WORKERS = 4
DATABASE_FIXTURES = frozenset({"db", "transactional_db", "live_server", "admin_user"})


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Take one worker more than there are cores: half of their time, tests wait for something."""
    return min(len(os.sched_getaffinity(0)) + 1, MOST_WORKERS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if connection.vendor != "postgresql":
        return
    chosen = [item for item in items if _touches_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


def _touches_database(item: pytest.Item) -> bool:
    fixtures = DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ()))
    return bool(fixtures) or item.get_closest_marker("django_db") is not None


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
) -> Iterator[None]:
    """Start the session's PostgreSQL, where it has one, before Django makes a database in it."""
    if connection.vendor != "postgresql":
        yield
        return
    with postgres_server(settings.VAR_DIR / "postgres") as url:
        at = conninfo_to_dict(url)
        connection.settings_dict |= {
            "HOST": at["host"],
            "PORT": at.get("port") or "",
            "USER": at["user"],
        }
        yield


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Leave the database to the session's end: its file, or its server, goes then as a whole."""
    return True


@pytest.fixture(scope="session", autouse=True)
def flush() -> Iterator[None]:
    """Let a test with transactions of its own empty the append-only tables behind it."""
    with pytest.MonkeyPatch.context() as patch:
        flush_past_triggers(patch)
        yield


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """URL of the session's private server; `settings.REDIS_URL` and the channel layer use it."""
    server = RedisServer(locate(settings.VAR_DIR), find_program(), memory="512mb")
    server.start()
    try:
        yield settings.REDIS_URL
    finally:
        server.stop(drain_seconds=0)


@pytest.fixture
def clean_redis(redis_url: str) -> Iterator[redis.Redis]:
    """Client (text answers) of the session's server, emptied before the test."""
    with redis.Redis.from_url(redis_url, decode_responses=True, socket_timeout=5) as client:
        client.flushall()
        yield client


@pytest.fixture
def instance_env(tmp_path: Path) -> dict[str, str]:
    """Environment for child processes of an instance of their own, without a Redis yet."""
    return instance_environment(tmp_path / "var")


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A folder with a path short enough for a Unix socket."""
    # What seals recordings is a process of its own, which may end a moment after the market's.
    with tempfile.TemporaryDirectory(
        prefix="cs-", dir="/tmp", ignore_cleanup_errors=True
    ) as directory:
        yield Path(directory)
