"""Fixtures for every test: one private Redis a session, and a way to start child processes."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings

from cryptosite.processes.redis_layout import find_program, locate
from cryptosite.processes.redis_server import RedisServer


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
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in {"REDIS_URL", "CRYPTOSITE_TEST_SESSION", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    }
    return inherited | {
        "DJANGO_SETTINGS_MODULE": "cryptosite.settings",
        "VAR_DIR": str(tmp_path / "var"),
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A folder with a path short enough for a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="cs-", dir="/tmp") as directory:
        yield Path(directory)
