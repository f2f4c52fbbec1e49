"""The ledger as CSV and Parquet: the same rows and values as JSON, whatever their number."""

import csv
import gc
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.test import Client

from inference.vocabulary import Direction, OutcomeStatus, SignalResult
from predictions.downloads import streaming
from predictions.downloads.columns import Kind
from predictions.downloads.order import Order
from predictions.downloads.slots import Slots
from predictions.downloads.tables import FORECASTS, SIGNALS
from predictions.models import Forecast, ForecastOutcome, SignalOutcome
from tests.documents import ROOT
from tests.integration.filled_ledger import fill
from tests.integration.refused import refusal
from tests.integration.test_as_of import START_MS, forecast, moment, signal

pytestmark = pytest.mark.django_db

NESTED = {
    "p_long": ("probabilities", "LONG"),
    "p_short": ("probabilities", "SHORT"),
    "p_no_trade": ("probabilities", "NO_TRADE"),
    "tp_eta_low_minutes": ("tp_eta_interval_minutes", 0),
    "tp_eta_high_minutes": ("tp_eta_interval_minutes", 1),
}
"""Where JSON holds what the files hold flat."""


@pytest.fixture
def said() -> None:
    """A graded forecast, an open one with an ugly version, and signals of two revisions."""
    ForecastOutcome.objects.create(
        forecast=forecast(START_MS, logged_ms=START_MS, p_up=0.1 + 0.2, feature_ts=START_MS - 7),
        status=OutcomeStatus.GRADED,
        error_bp=-1.5,
        direction_hit=False,
    )
    forecast(START_MS + 2_000, logged_ms=START_MS, model_version="=1+1", live=True, late=True)
    SignalOutcome.objects.create(
        signal=signal(0, tp_eta_low_minutes=15, tp_eta_high_minutes=90, take_profit_1=101.0),
        status=OutcomeStatus.GRADED,
        result=SignalResult.STOP_LOSS,
        touched=Direction.SHORT,
        ended_ts=START_MS + 60_000,
        known_ts=START_MS + 60_000,
        stop_loss_ts=START_MS + 60_000,
        take_profit_1_ts=START_MS + 90_000,
        r_multiple=-1.0,
    )
    signal(1, made_ms=START_MS + 5_000)


def csv_rows(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.content
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def parquet_rows(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.content
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(answer.content)).to_pylist()
    return rows


def in_json(row: dict[str, Any], name: str) -> Any:
    if name.startswith("take_profit_"):
        prices = {each["level"]: each["price"] for each in row["take_profits"]}
        return prices.get(int(name[-1]))
    outer, inner = NESTED.get(name, (name, None))
    if name.startswith("outcome_"):
        outer, inner = "outcome", name.removeprefix("outcome_")
    value = row[outer]
    return value if inner is None or value is None else value[inner]


def in_csv(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith("=") else text


def in_parquet(value: Any, kind: Kind) -> Any:
    if value is None or kind not in (Kind.MOMENT, Kind.TIME):
        return value
    return datetime.fromisoformat(value)


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("table", [FORECASTS, SIGNALS], ids=lambda table: table.name)
@pytest.mark.parametrize("as_of", ["", f"&as_of={moment(START_MS + 60_000)}"])
def test_download_holds_the_values_of_the_json(client: Client, table: Any, as_of: str) -> None:
    address = f"/api/{table.name}?format="

    listed = client.get(f"{address}json{as_of}").json()["results"]
    as_csv = csv_rows(client.get(f"{address}csv{as_of}"))
    as_parquet = parquet_rows(client.get(f"{address}parquet{as_of}"))

    assert len(listed) == len(as_csv) == len(as_parquet) == 2
    for row, line, typed in zip(listed, as_csv, as_parquet, strict=True):
        for column in table.columns:
            told = in_json(row, column.name)
            assert line[column.name] == in_csv(told), column.name
            assert typed[column.name] == in_parquet(told, column.kind), column.name


@pytest.mark.parametrize("table", [FORECASTS, SIGNALS], ids=lambda table: table.name)
@pytest.mark.usefixtures("said")
def test_download_has_every_field_of_the_json(client: Client, table: Any) -> None:
    rows = client.get(f"/api/{table.name}").json()["results"]
    outcome = next(row["outcome"] for row in rows if row["outcome"])
    told = {*rows[0], *(f"outcome_{name}" for name in outcome)} - {"outcome", "take_profits"}
    nested = {"probabilities", "tp_eta_interval_minutes"}

    columns = {column.name for column in table.columns}

    assert told - nested <= columns
    assert all(column.doc for column in table.columns)


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/csv", "text/csv; charset=utf-8; header=present"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("application/json", "application/json"),
    ],
)
def test_format_can_be_asked_for_by_accept(client: Client, accept: str, content_type: str) -> None:
    answer = client.get("/api/signals", headers={"Accept": accept})

    assert answer["Content-Type"] == content_type


@pytest.mark.usefixtures("said")
def test_download_is_a_file_that_filters_and_says_where_it_came_from(client: Client) -> None:
    answer = client.get("/api/forecasts?format=parquet&live=true")

    assert answer["Content-Disposition"].startswith('attachment; filename="forecasts-2')
    assert answer["Content-Disposition"].endswith('Z.parquet"')
    schema = pq.read_schema(io.BytesIO(answer.content))
    assert schema.metadata[b"description"] == b"forecasts?format=parquet&live=true"
    assert schema.field("outcome_error_bp").metadata[b"description"].endswith(b"bp")
    assert [row["model_version"] for row in parquet_rows(answer)] == ["=1+1"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_download_of_nothing_has_columns_and_no_rows(client: Client, suffix: str) -> None:
    answer = client.get(f"/api/forecasts?format={suffix}")

    assert (csv_rows if suffix == "csv" else parquet_rows)(answer) == []
    assert b"outcome_error_bp" in answer.content


@pytest.mark.parametrize(
    ("query", "named", "allowed"),
    [
        ("format=xml", "format", "parquet"),
        ("format=csv&limit=5", "limit", "every row"),
        ("format=parquet&cursor=x", "cursor", "every row"),
        ("format=csv&min_confidence=2", "min_confidence", "0 to 1"),
        ("format=csv&symbl=x", "symbl", "symbol"),
    ],
)
def test_download_refusal_is_json(client: Client, query: str, named: str, allowed: str) -> None:
    answer = client.get(f"/api/forecasts?{query}")

    message = refusal(answer, 400, "invalid_parameter")
    assert answer["Content-Type"] == "application/json"
    assert named in message
    assert allowed in message


def test_head_of_a_download_reads_nothing(client: Client) -> None:
    fill(2_000)

    answer = client.head("/api/forecasts?format=csv")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Content-Type"].startswith("text/csv")


@pytest.fixture
def no_places(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slots]:
    """One download a client, and it runs already."""
    slots = Slots(at_a_time=2, a_client=1)
    monkeypatch.setattr(streaming, "slots", slots)
    held = slots.take("127.0.0.1")
    yield slots
    held.release()


def test_second_download_of_a_client_is_429_and_says_when(client: Client, no_places: Slots) -> None:
    fill(2_000)

    answer = client.get("/api/forecasts?format=csv")

    refusal(answer, 429, "too_many_downloads")
    assert answer["Retry-After"] == "10"
    assert client.get("/api/forecasts?format=csv&to=2026-01-01").status_code == 200  # small


def test_download_while_others_run_is_503(client: Client, no_places: Slots) -> None:
    fill(2_000)
    others = no_places.take("192.0.2.1")

    answer = client.get("/api/forecasts?format=csv", REMOTE_ADDR="192.0.2.2")
    refusal(answer, 503, "downloads_busy")

    others.release()
    others.release()  # a place is given back once
    again = client.get("/api/forecasts?format=csv", REMOTE_ADDR="192.0.2.2")
    assert again.status_code == 200
    del again  # nobody reads it: its place is given back all the same
    gc.collect()
    no_places.take("192.0.2.2").release()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_order_of_many_rows_holds_each_once_newest_first(suffix: str) -> None:
    fill(4_500)
    order = Order.of(Forecast.objects.exclude(symbol="SOLUSDT"), FORECASTS, suffix)

    made = b"".join(Order.unpack(order.pack()).parts())

    if suffix == "csv":
        ids = [int(row["id"]) for row in csv.DictReader(io.StringIO(made.decode()))]
    else:
        ids = pq.read_table(io.BytesIO(made)).column("id").to_pylist()
    expected = Forecast.objects.exclude(symbol="SOLUSDT").order_by("-predicted_at", "-id")
    assert ids == list(expected.values_list("id", flat=True))
    assert len(ids) == 3_000


def test_times_of_a_parquet_file_are_typed() -> None:
    forecast(START_MS, logged_ms=START_MS)
    [part] = [
        part for part in Order.of(Forecast.objects.all(), FORECASTS, "parquet").parts() if part
    ]

    row = pq.read_table(io.BytesIO(part)).to_pylist()[0]

    assert row["target_at"] == datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC)
    assert row["predicted_at"] == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("table", [FORECASTS, SIGNALS], ids=lambda table: table.name)
def test_columns_are_documented_as_they_are(table: Any) -> None:
    told = (ROOT / "docs" / "api.md").read_text()
    section = told.split(f"### Columns of {table.name}\n")[1].split("\n#")[0]

    rows = [line.strip("| ").split(" | ", 1) for line in section.splitlines() if line[:3] == "| `"]

    assert rows == [[f"`{column.name}`", column.doc] for column in table.columns]
