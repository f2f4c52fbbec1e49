"""Pages and downloads of a long ledger read what they show, and not the rest."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from predictions.downloads.tables import FORECASTS
from predictions.downloads.walking import chunks
from predictions.models import Forecast
from tests.integration.filled_ledger import fill

pytestmark = pytest.mark.django_db

ROWS = 30_000
MOST_READ = 3_000
"""Rows that a step of a plan may be expected to give, where all that is shown is a page."""


@pytest.fixture
def long_ledger() -> None:
    fill(ROWS)


def reads_all(sql: str) -> list[str]:
    """Return the steps of a query's plan that read or sort a whole table."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            steps = [str(row[-1]) for row in cursor.fetchall()]
            return [step for step in steps if "TEMP B-TREE FOR ORDER BY" in step or _scans(step)]
        cursor.execute(f"EXPLAIN (FORMAT JSON, ANALYZE) {sql}")
        told = cursor.fetchone()[0]
        plan: Any = json.loads(told) if isinstance(told, str) else told
        return [step["Node Type"] for step in _steps(plan[0]["Plan"]) if _rows(step) > MOST_READ]


def _scans(step: str) -> bool:
    # A scan along an index ends with the page.
    return step.startswith("SCAN") and "USING" not in step and "CONSTANT" not in step


def _steps(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(step for inner in plan.get("Plans", ()) for step in _steps(inner))]


def _rows(step: dict[str, Any]) -> float:
    removed = step.get("Rows Removed by Filter", 0) + step.get("Rows Removed by Join Filter", 0)
    return float((step["Actual Rows"] + removed) * step["Actual Loops"])


def asked(captured: CaptureQueriesContext) -> list[str]:
    sql = [query["sql"] for query in captured if "predictions_forecast" in query["sql"]]
    assert sql
    return sql


@pytest.mark.usefixtures("long_ledger")
@pytest.mark.parametrize(
    "query",
    [
        "",
        "to=2026-01-01T03:00:00Z",
        "as_of=2026-01-01T03:00:00Z",
        "symbol=SOLUSDT&to=2026-01-01T03:00:00Z",
        "venue=filled/1&symbols=BTCUSDT,SOLUSDT&to=2026-01-01T03:00:00Z",
        "venue=filled/1&direction_hit=true&as_of=2026-01-01T03:00:00Z",
        "outcome=graded&to=2026-01-01T03:00:00Z",
    ],
)
def test_page_at_any_depth_reads_a_page(client: Client, query: str) -> None:
    following = client.get(f"/api/forecasts?limit=100&{query}").json()["next"]

    with CaptureQueriesContext(connection) as captured:
        page = client.get(following).json()

    assert len(page["results"]) == 100
    for sql in asked(captured):
        assert reads_all(sql) == [], sql


@pytest.mark.usefixtures("long_ledger")
def test_download_reads_each_chunk_once() -> None:
    with CaptureQueriesContext(connection) as captured:
        walked = chunks(Forecast.objects.all(), FORECASTS, as_of_ms=None)
        assert sum(len(next(walked)[0]) for _ in range(3)) == 3_000

    assert len(asked(captured)) == 3
    for sql in asked(captured):
        assert reads_all(sql) == [], sql


@pytest.mark.usefixtures("long_ledger")
def test_longest_page_of_as_many_entries_is_answered(client: Client) -> None:
    # One symbol: every row came in an entry of its own.
    answer = client.get("/api/forecasts", {"symbol": "BTCUSDT", "limit": "1000"})

    rows = answer.json()["results"]
    assert answer.status_code == 200
    assert len({row["leaf"] for row in rows}) == 1_000
