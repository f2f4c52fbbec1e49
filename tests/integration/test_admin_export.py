"""The admin's tables: marks, links to page and proof, and the shown rows as CSV."""

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client

from inference.vocabulary import Direction, OutcomeStatus, SignalResult
from predictions.downloads import streaming
from predictions.downloads.slots import Slots
from predictions.downloads.tables import FORECASTS, SIGNALS
from predictions.models import (
    Checkpoint,
    Forecast,
    ForecastOutcome,
    ForecastRollup,
    LedgerEntry,
    Pruning,
    Signal,
    SignalGap,
    SignalOutcome,
)
from tests.integration.filled_ledger import fill
from tests.integration.test_as_of import START_MS, forecast, signal

pytestmark = pytest.mark.django_db

TABLES = (
    Forecast, ForecastOutcome, Signal, SignalGap, SignalOutcome,
    LedgerEntry, Checkpoint, Pruning, ForecastRollup,
)  # fmt: skip


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator", password="irrelevant"))
    return client


@pytest.fixture
def said() -> None:
    """A hit, a miss, a late one, one without a grade, and two ended signals."""
    for index, hit in enumerate((True, False, None)):
        ForecastOutcome.objects.create(
            forecast=forecast(START_MS + index * 2_000, logged_ms=START_MS),
            status=OutcomeStatus.GRADED,
            direction_hit=hit,
        )
    forecast(START_MS + 8_000, logged_ms=START_MS, late=True)
    ForecastOutcome.objects.create(
        forecast=forecast(START_MS + 10_000, logged_ms=START_MS),
        status=OutcomeStatus.UNGRADABLE,
        reason="no_price_at_target",
    )
    for index, result in enumerate((SignalResult.TAKE_PROFIT, SignalResult.TIMED_OUT)):
        SignalOutcome.objects.create(
            signal=signal(index, direction=Direction.LONG),
            status=OutcomeStatus.GRADED,
            result=result,
            ended_ts=START_MS + 60_000,
            known_ts=START_MS + 60_000,
            r_multiple=1.0,
        )


def address(model: type[Model]) -> str:
    return f"/admin/predictions/{model._meta.model_name}/"


def exported(staff: Client, model: type[Model], query: str = "") -> list[dict[str, str]]:
    answer = staff.get(f"{address(model)}export/{query}")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("model", TABLES, ids=lambda model: model._meta.model_name)
def test_table_is_shown_and_exported_and_takes_no_writing(staff: Client, model: Any) -> None:
    page = staff.get(address(model))

    assert page.status_code == 200
    assert b"Download as CSV" in page.content
    assert b"style=" not in page.content
    assert len(exported(staff, model)) == model.objects.count()
    for row in model.objects.all()[:1]:
        assert staff.get(f"{address(model)}{row.pk}/change/").status_code == 200
    assert staff.post(f"{address(model)}add/").status_code == 403


@pytest.mark.usefixtures("said")
def test_marks_say_the_outcome_by_shape_and_word(staff: Client) -> None:
    forecasts = staff.get(address(Forecast)).content.decode()
    signals = staff.get(address(Signal)).content.decode()

    for shape, word in (("▲", "hit"), ("▼", "miss"), ("■", "no move"), ("?", "late")):
        assert f'aria-hidden="true">{shape}</span> {word}</span>' in forecasts
    assert "no price at target" in forecasts
    for shape, word in (("▲", "target 1"), ("■", "timed out")):
        assert f'aria-hidden="true">{shape}</span> {word}</span>' in signals


@pytest.mark.usefixtures("said")
def test_rows_lead_to_the_page_and_to_the_proof(staff: Client) -> None:
    page = staff.get(address(Forecast)).content.decode()
    leaf = Forecast.objects.latest("predicted_at").leaf_id

    assert 'href="/?symbol=BTCUSDT"' in page
    assert f'href="/api/ledger/proof/{leaf}"' in page
    assert 'href="/signals"' in staff.get(address(Signal)).content.decode()


@pytest.mark.usefixtures("said")
def test_export_holds_what_the_filters_show_in_the_apis_columns(staff: Client) -> None:
    hits = exported(staff, Forecast, "?outcome__direction_hit__exact=1")
    ended = exported(staff, Signal, "?outcome__result__exact=timed_out")

    assert [row["outcome_direction_hit"] for row in hits] == ["true"]
    assert list(hits[0]) == [column.name for column in FORECASTS.columns]
    assert [row["outcome_result"] for row in ended] == ["timed_out"]
    assert list(ended[0]) == [column.name for column in SIGNALS.columns]
    assert {row["superseded"] for row in exported(staff, Signal)} == {"true", "false"}


def test_export_of_a_json_field_is_json(staff: Client) -> None:
    SignalOutcome.objects.create(
        signal=signal(),
        status=OutcomeStatus.GRADED,
        known_ts=START_MS,
        entry_opens=[[0, 100.5], [60_000, 101.0]],
    )

    [row] = exported(staff, SignalOutcome)

    assert row["entry_opens"] == "[[0, 100.5], [60000, 101.0]]"


def test_export_without_login_leads_to_the_login(client: Client) -> None:
    answer = client.get(f"{address(Forecast)}export/")

    assert answer.status_code == 302
    assert "/admin/login/" in answer["Location"]


def test_export_of_someone_without_the_right_is_403(client: Client) -> None:
    client.force_login(User.objects.create_user("guest", is_staff=True))

    assert client.get(f"{address(Forecast)}export/").status_code == 403


def test_export_while_too_many_run_leads_back_and_says_so(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(2_000)
    monkeypatch.setattr(streaming, "slots", Slots(at_a_time=0))

    page = staff.get(f"{address(Forecast)}export/?live__exact=0", follow=True)

    assert page.redirect_chain == [("../?live__exact=0", 302)]
    assert "try again soon" in page.content.decode()
