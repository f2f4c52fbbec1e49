"""The page as the server sends it; what it shows is tested in a browser."""

import json
import re

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard.pages.words import SOURCE_TEXTS, UNGRADABLE_TEXTS
from inference.vocabulary import Source, Ungradable


@pytest.fixture(autouse=True)
def two_symbols(settings: Settings) -> None:
    settings.FORECAST_SYMBOLS = ("BTCUSDT", "ETHUSDT")


def test_live_page_without_symbol_shows_the_first(client: Client) -> None:
    page = client.get("/").content.decode()
    assert '<option value="BTCUSDT" selected>' in page
    assert '"symbol": "BTCUSDT"' in page


@pytest.mark.parametrize("written", ["ETHUSDT", "eth-usdt", "ETH/USDT"])
def test_live_page_symbol_in_any_spelling_is_shown(client: Client, written: str) -> None:
    page = client.get("/", {"symbol": written}).content.decode()
    assert '"symbol": "ETHUSDT"' in page


@pytest.mark.parametrize("written", ["DOGEUSDT", "", "<script>alert(1)</script>", "é" * 500])
def test_live_page_unknown_symbol_is_not_found_and_names_the_served(
    client: Client, written: str
) -> None:
    answer = client.get("/", {"symbol": written})
    assert answer.status_code == 404
    assert "?symbol=ETHUSDT" in answer.content.decode()
    assert "<script>alert" not in answer.content.decode()


def test_live_page_policy_allows_no_inline_script_and_the_page_has_none(client: Client) -> None:
    answer = client.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    page = answer.content.decode()
    inline = [tag for tag in re.findall(r"<script[^>]*>", page) if "src=" not in tag]
    assert inline == [f'<script id="{name}" type="application/json">' for name in ("shell", "page")]
    assert not re.search(r"\sstyle=|<style|\son\w+=", page)


def test_live_page_carries_words_for_every_source_and_reason(client: Client) -> None:
    page = client.get("/").content.decode()
    data = json.loads(page.split('id="page" type="application/json">')[1].split("</script>")[0])
    assert set(data["sources"]) == {str(source) for source in Source} == set(SOURCE_TEXTS)
    assert {"stale_features", "model_missing", "no_price"} <= set(data["reasons"])
    assert set(UNGRADABLE_TEXTS) == set(Ungradable) - {Ungradable.NONE}


def test_live_page_several_symbols_are_listed_and_one_has_no_list(
    client: Client, settings: Settings
) -> None:
    assert '<tr data-symbol="ETHUSDT">' in client.get("/").content.decode()
    settings.FORECAST_SYMBOLS = ("BTCUSDT",)
    alone = client.get("/").content.decode()
    assert "data-symbol=" not in alone
    assert 'id="symbol"' not in alone


def test_live_page_asks_at_once_for_all_that_its_script_imports(client: Client) -> None:
    page = client.get("/").content.decode()
    asked = re.findall(r'<link rel="modulepreload" href="([^"]+)">', page)
    names = {address.rsplit("/", 1)[1].split(".")[0] for address in asked}
    assert {"shell", "socket", "price_chart", "lightweight-charts"} <= names
    assert len(asked) == len(set(asked))


def test_live_page_post_is_refused(client: Client) -> None:
    assert client.post("/").status_code == 405
