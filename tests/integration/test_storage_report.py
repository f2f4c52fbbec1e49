"""What is kept and what a day costs, measured on a ledger of known size."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.utils import timezone

from predictions.retention.printed import printed
from predictions.retention.storage import Folder, Kept, Report, storage_report
from tests.integration.ledger import drain, new_recorder, publish, tick_entry

pytestmark = pytest.mark.django_db

MIDS = {"BTCUSDT": 100.0, "ETHUSDT": 20.0}


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


def record(client: redis.Redis, monkeypatch: pytest.MonkeyPatch, hours_ago: float) -> None:
    publish(client, *(tick_entry(index, MIDS) for index in range(12)))
    then = datetime.now(UTC) - timedelta(hours=hours_ago)
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: then)
        drain(new_recorder(client))


def report(client: redis.Redis | None = None, **folders: Folder) -> Report:
    return storage_report(client, folders, days=30)


def table(told: Report, name: str) -> Kept:
    [found] = (each for each in told.tables if each.name == f"predictions_{name}")
    return found


def test_report_reckons_a_day_from_what_was_recorded(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(client, monkeypatch, hours_ago=2.0)

    told = report(client)

    forecasts, entries = table(told, "forecast"), table(told, "ledgerentry")
    assert (told.symbols, told.recorded_hours) == (2, 2.0)
    assert (forecasts.rows, entries.rows) == (24, 12)
    assert forecasts.rows_a_day == pytest.approx(24 * 12, rel=0.01)
    assert forecasts.bytes and forecasts.bytes_a_day
    assert forecasts.bytes_a_day == pytest.approx(12 * forecasts.bytes, rel=0.01)
    assert forecasts.bytes_a_day_and_symbol == pytest.approx(forecasts.bytes_a_day / 2)
    assert forecasts.at_retention == pytest.approx(30 * forecasts.bytes_a_day)
    packed = len(tick_entry(0, MIDS).pack())
    assert entries.at_retention == pytest.approx(30 * 144 * packed, rel=0.02)
    assert table(told, "signal").rows_a_day == 0
    assert table(told, "checkpoint").at_retention is None
    [log, _] = told.streams
    assert (log.name, log.rows) == ("log:forecasts", 12)
    assert log.bytes and log.bytes > 12 * packed
    assert log.bytes_a_day is None  # the entries came within a moment


def test_report_of_too_short_a_time_leaves_the_day_unknown(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(client, monkeypatch, hours_ago=0.1)

    forecasts = table(report(), "forecast")

    assert forecasts.rows == 24
    assert (forecasts.rows_a_day, forecasts.bytes_a_day, forecasts.at_retention) == (None,) * 3


def test_report_files_count_with_what_was_written_in_a_day(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one").write_bytes(bytes(700))
    (tmp_path / "two").write_bytes(bytes(300))

    told = report(recordings=Folder(tmp_path, 7), candles=Folder(tmp_path / "none", 0))

    assert told.files[0] == Kept("recordings", 2, 1000, None, 1000.0, None, 7000.0)
    assert told.files[1] == Kept("candles", 0, 0)


def test_report_of_files_that_are_rewritten_leaves_the_day_unknown(tmp_path: Path) -> None:
    (tmp_path / "aof").write_bytes(bytes(700))
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")

    told = report(redis=Folder(tmp_path, 0, rewritten=True))

    assert told.files == [Kept("redis", 1, 700)]


@pytest.mark.parametrize("hours_ago", [None, 0.1, 2.0])
def test_printed_report_says_from_when_a_day_is_known(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch, hours_ago: float | None
) -> None:
    if hours_ago is not None:
        record(client, monkeypatch, hours_ago)

    told = report()

    first_line = printed(told).splitlines()[0]
    known_at = datetime.now(UTC) + timedelta(hours=1.0 - (hours_ago or 0.0))
    if hours_ago is None:
        assert told.day_known_at is None
        assert first_line.endswith("a day is known after 1 h of recording")
        return
    assert told.day_known_at is not None
    assert abs(told.day_known_at - known_at) < timedelta(minutes=1)
    if hours_ago < 1:
        assert first_line.endswith(f"at {told.day_known_at:%Y-%m-%d %H:%M} UTC")
    else:
        assert first_line.endswith("figures a day from 2 h")


def test_storage_report_prints_tables_and_json(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    record(client, monkeypatch, hours_ago=2.0)
    settings.VAR_DIR = tmp_path
    (tmp_path / "redis" / "aof-server").mkdir(parents=True)
    (tmp_path / "redis" / "aof-server" / "appendonly.1.incr.aof").write_bytes(bytes(5_000))
    (tmp_path / "redis" / "password").write_bytes(bytes(43))
    text, shown = StringIO(), StringIO()

    call_command("storage_report", stdout=text, skip_checks=True)
    call_command("storage_report", "--json", stdout=shown, skip_checks=True)

    told: Any = json.loads(shown.getvalue())
    assert [each["name"] for each in told["streams"]] == ["log:forecasts", "log:signals"]
    assert told["tables"][0]["rows"] == 24
    assert (told["files"][-1]["name"], told["files"][-1]["bytes"]) == ("redis", 5_043)
    assert told["day_known_at"]
    assert "forecastoutcome" in text.getvalue()
    assert "log:forecasts" in text.getvalue()


def test_printed_unknown_figures_are_a_dash() -> None:
    told = Report(None, 0, 0, 0.0, [Kept("predictions_forecast", 3, None)], [], [])

    [row] = (line for line in printed(told).splitlines() if line.startswith("  forecast "))

    assert row.split() == ["forecast", "3", "-", "-", "-", "-", "-"]
