"""What the accuracy page lets choose from: venues with a record, and their model versions."""

import json
import re
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from dashboard.pages import accuracy as page_module
from inference.vocabulary import FORECASTS, SIGNALS
from predictions.accuracy.venues import RecordedVenue, recorded_venues
from predictions.models import Forecast
from tests.integration.accuracy_ledger import VENUE, fill_forecasts, fill_signals

pytestmark = pytest.mark.django_db


def page_of(client: Client) -> Any:
    answer = client.get("/accuracy")
    assert answer.status_code == 200
    found = re.search(r'<script id="page"[^>]*>(.*?)</script>', answer.content.decode(), re.S)
    assert found is not None
    return json.loads(found[1])


def test_recorded_venues_are_those_of_the_engine_with_their_versions() -> None:
    fill_forecasts(("BTCUSDT",), hours=3)
    fill_forecasts(("BTCUSDT",), hours=1, venue="replay/a")
    fill_signals(("BTCUSDT",), candles={"15m": 2, "1h": 1, "4h": 0, "1d": 0})
    assert recorded_venues(FORECASTS) == [
        RecordedVenue("replay/a", False, ("v1", "v1-fallback")),
        RecordedVenue(VENUE, False, ("v1", "v1-fallback")),
    ]
    assert recorded_venues(SIGNALS) == [RecordedVenue(VENUE, False, ("15m-v1", "1h-v1"))]


def test_recorded_venue_is_as_live_as_its_newest_prediction() -> None:
    fill_forecasts(("BTCUSDT",), hours=1)
    newest = Forecast.objects.order_by("-predicted_at").first()
    assert newest is not None
    newest.pk, newest.live, newest.tick = None, True, newest.tick + 1
    newest.predicted_at = newest.predicted_at.replace(minute=59, second=59)
    newest.save()
    assert [each.live for each in recorded_venues(FORECASTS)] == [True]


def test_accuracy_page_carries_choices_and_no_number(client: Client) -> None:
    fill_signals(("BTCUSDT",), candles={"15m": 1, "1h": 0, "4h": 0, "1d": 0})
    page = page_of(client)
    assert page["venues"][FORECASTS] == []
    [venue] = page["venues"][SIGNALS]
    assert (venue["name"], venue["live"], venue["versions"]) == (VENUE, False, ["15m-v1"])
    assert page["timeframes"] == ["15m", "1h", "4h", "1d"]


def test_accuracy_page_without_a_database_is_still_there(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(engine: str) -> list[RecordedVenue]:
        raise DatabaseError(engine)

    monkeypatch.setattr(page_module, "recorded_venues", unreachable)
    assert page_of(client)["venues"] == {FORECASTS: None, SIGNALS: None}
