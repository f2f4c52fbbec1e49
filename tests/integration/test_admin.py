"""The ledger in the admin: for looking only, and quick whatever its size."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import redis
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inference.signals.entry import BatchEntry, Gap, Said
from inference.vocabulary import SignalReason
from predictions.models import Forecast, ForecastOutcome, Signal, SignalGap
from predictions.rows.signal_rows import batch_rows
from predictions.transparency.appending import append_entries
from tests.integration.ledger import drain, new_recorder, publish, stored_leaf, tick_entry
from tests.integration.tampering import tampering
from tests.signal_loops import DAY_MS, M15, VENUE, make_signal

pytestmark = pytest.mark.django_db

FORECASTS = "/admin/predictions/forecast/"
OUTCOMES = "/admin/predictions/forecastoutcome/"


@pytest.fixture
def staff(redis_url: str) -> Iterator[Client]:
    """A superuser's browser over a ledger of forty ticks."""
    with redis.Redis.from_url(redis_url) as redis_client:
        redis_client.flushdb()
        publish(redis_client, *(tick_entry(index) for index in range(40)))
        publish(redis_client, tick_entry(40, {"ETHUSDT": 20.0}, venue="exchange", live=True))
        drain(new_recorder(redis_client))
    client = Client()
    client.force_login(User.objects.create_superuser("operator", password="irrelevant"))
    yield client


@pytest.mark.parametrize("address", [FORECASTS, OUTCOMES])
def test_admin_without_login_sends_to_the_login(client: Client, address: str) -> None:
    response = client.get(address)

    assert response.status_code == 302
    assert "/admin/login/" in response["Location"]


@pytest.mark.parametrize("address", [FORECASTS, OUTCOMES])
def test_admin_superuser_may_neither_add_nor_change_nor_delete(staff: Client, address: str) -> None:
    model = Forecast if address == FORECASTS else ForecastOutcome
    row = model._default_manager.earliest("pk")

    assert staff.get(address).status_code == 200
    assert staff.get(f"{address}{row.pk}/change/").status_code == 200
    assert staff.get(f"{address}add/").status_code == 403
    assert staff.post(f"{address}{row.pk}/change/", {"symbol": "X"}).status_code == 403
    assert staff.post(f"{address}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    row.refresh_from_db()


def test_forecast_list_shows_the_outcome(staff: Client) -> None:
    page = staff.get(FORECASTS).content.decode()

    assert "graded" in page
    assert "icon-" in page  # the mark of a hit or a miss


@pytest.mark.parametrize("address", [FORECASTS, OUTCOMES])
def test_list_costs_as_many_queries_for_three_rows_as_for_forty(
    staff: Client, address: str
) -> None:
    with CaptureQueriesContext(connection) as many:
        staff.get(address)
    with tampering():
        ForecastOutcome.objects.filter(forecast__tick__gt=tick_entry(3).tick).delete()
        Forecast.objects.filter(tick__gt=tick_entry(3).tick).delete()
    with CaptureQueriesContext(connection) as few:
        staff.get(address)

    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("live__exact=1", 1),
        ("venue=exchange", 1),
        ("symbol=BTCUSDT", 40),
        ("source__exact=redis", 41),
        ("reason__exact=too_slow", 0),
        ("model_version=v1", 41),
        ("q=eth", 1),
        ("q=exch", 1),
        ("predicted_at__year=2026&predicted_at__month=1&predicted_at__day=1", 41),
        ("predicted_at__year=2025", 0),
    ],
)
def test_forecast_list_filter_and_search_select(staff: Client, query: str, count: int) -> None:
    response = staff.get(f"{FORECASTS}?{query}")

    assert response.status_code == 200
    assert response.context["cl"].result_count == count


@pytest.mark.parametrize("query", ["", "?forecast__venue=test", "?status__exact=graded&q=BTC"])
def test_outcome_list_filter_selects(staff: Client, query: str) -> None:
    response = staff.get(f"{OUTCOMES}{query}")

    assert response.status_code == 200
    assert response.context["cl"].result_count == 35


def test_date_hierarchy_offers_the_days_that_the_ledger_spans(staff: Client) -> None:
    last = Forecast.objects.latest("predicted_at")
    Forecast.objects.bulk_create(
        [
            Forecast(
                venue="later",
                live=False,
                tick=1,
                symbol="BTCUSDT",
                model_version="v1",
                base_version="v1",
                role="champion",
                predicted_at=last.predicted_at.replace(day=3),
                prediction_ts=1,
                target_ts=2,
                made_ts=1,
                source="redis",
                leaf=stored_leaf(venue="later"),
            )
        ]
    )

    page = staff.get(FORECASTS).content.decode()

    for day in (1, 2, 3):
        assert f"predicted_at__day={day}&amp;" in page


def test_signal_lists_show_short_numbers_and_change_nothing(staff: Client) -> None:
    rows = batch_rows(
        "1-0",
        BatchEntry(
            venue=VENUE,
            live=False,
            batch=1,
            timeframe=M15,
            made_ms=DAY_MS,
            missed=0,
            shard=0,
            token=1,
            signals=[Said(make_signal(entry=0.123456789, confidence=0.54321))],
            gaps=[Gap("ETHUSDT", DAY_MS, SignalReason.CANDLE_LATE, "has not arrived")],
        ).pack(),
    )
    leaf = append_entries([rows.logged]).leaves[rows.logged.hash]
    for signal in rows.signals:
        signal.leaf_id = leaf
    for gap in rows.gaps:
        gap.leaf_id = leaf
    Signal.objects.bulk_create(rows.signals)
    SignalGap.objects.bulk_create(rows.gaps)

    page = staff.get("/admin/predictions/signal/?timeframe__exact=15m").content.decode()
    gaps = staff.get("/admin/predictions/signalgap/").content.decode()

    assert ">0.123457<" in page and ">0.543<" in page
    assert "candle_late" in gaps
    one = Signal.objects.get()
    shown = staff.get(f"/admin/predictions/signal/{one.pk}/change/").content.decode()
    for moment in (one.candle_open, one.candle_close, one.valid_until_ts, one.made_ts):
        assert f"{datetime.fromtimestamp(moment // 1000, UTC):%Y-%m-%d %H:%M:%S}" in shown
        assert str(moment) not in shown
    assert "cryptosite</a>" in shown and "Django administration" not in shown
    assert (
        staff.post(f"/admin/predictions/signal/{one.pk}/change/", {"entry": 1}).status_code == 403
    )
    assert staff.get("/admin/predictions/signal/add/").status_code == 403
