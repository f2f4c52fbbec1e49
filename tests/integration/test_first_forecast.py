"""The Live page as the server sends it: a price, and whose it is, before any script runs."""

import re

import pytest
import redis
from django.test import Client
from pytest_django import Settings

from market import keys
from tests.integration.web_socket import FIRST_SEQ, TICK_MS, store_clock, store_prediction

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_symbol(settings: Settings) -> None:
    settings.FORECAST_SYMBOLS = ("BTCUSDT",)


def shown(client: Client, element: str) -> tuple[str, bool]:
    """Return an element's text, and whether it is hidden."""
    page = client.get("/").content.decode()
    found = re.search(rf'<\w+([^>]* data-testid="{element}"[^>]*)>([^<]*)<', page)
    assert found is not None
    return found[2], found[1].endswith("hidden")


def test_live_page_is_served_with_the_newest_forecast_and_whose_market_it_is(
    client: Client, clean_redis: redis.Redis
) -> None:
    store_clock(clean_redis, now_ms=FIRST_SEQ * TICK_MS)
    store_prediction(clean_redis, "BTCUSDT", FIRST_SEQ)
    price, _ = shown(client, "predicted-price")
    assert re.fullmatch(r"60,001\.0+", price)
    assert shown(client, "venue-banner") == ("SIMULATED MARKET (simulated)", False)
    assert shown(client, "venue") == ("", True)
    store_clock(clean_redis, now_ms=FIRST_SEQ * TICK_MS, venue="binance", live=True)
    clean_redis.hset(keys.pred("BTCUSDT"), "venue", "binance")
    assert shown(client, "venue-banner") == ("", True)
    assert shown(client, "venue") == ("live · binance", False)


@pytest.mark.parametrize("lacking", ["forecast", "price", "market", "type"])
def test_live_page_without_a_forecast_of_this_market_is_served_loading(
    client: Client, clean_redis: redis.Redis, lacking: str
) -> None:
    venue = "replay/another/1" if lacking == "market" else "simulated"
    store_clock(clean_redis, now_ms=FIRST_SEQ * TICK_MS, venue=venue)
    if lacking == "type":
        clean_redis.set(keys.pred("BTCUSDT"), "no hash")
    elif lacking != "forecast":
        store_prediction(clean_redis, "BTCUSDT", FIRST_SEQ)
    if lacking == "price":
        clean_redis.hset(keys.pred("BTCUSDT"), "predicted_price", "0.0")
    assert shown(client, "predicted-price")[0] == "–"
    assert 'data-testid="forecast" data-panel="loading"' in client.get("/").content.decode()
