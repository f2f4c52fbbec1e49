"""An instance in which all is well, for the tests of `/api/system`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pytest_django import Settings

from predictions.watching import report
from tests.integration.system.told import ROOM, beat


@pytest.fixture(autouse=True)
def no_checks(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    """The settings of tests have contradictions of their own, and the machine its own room."""
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(report, "host_facts", lambda _: ROOM)
    monkeypatch.setattr(report, "run_checks", lambda tags: [])
    monkeypatch.setattr(report, "_checked", (float("-inf"), []))


@pytest.fixture
def well(clean_redis: redis.Redis) -> Iterator[redis.Redis]:
    """A Redis in which every process says that it is in order."""
    for process in ("market", "inference", "signals", "recorder", "web"):
        beat(clean_redis, process)
    yield clean_redis
