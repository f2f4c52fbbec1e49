"""The signals page as the server sends it; what it shows is tested in a browser."""

import json
import re

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from inference.vocabulary import SignalReason


@pytest.fixture
def page(client: Client, settings: Settings) -> str:
    settings.FORECAST_SYMBOLS = ("BTCUSDT",)
    settings.SIGNAL_SYMBOLS = ("BTCUSDT", "ETHBTC")
    return client.get("/signals").content.decode()


def test_signals_page_has_a_cell_of_every_symbol_and_timeframe(page: str) -> None:
    cells = re.findall(r'data-testid="cell-(\w+)-(\w+)"', page)
    assert cells == [(s, t) for s in ("BTCUSDT", "ETHBTC") for t in ("15m", "1h", "4h", "1d")]


def test_signals_page_names_symbols_with_their_currency_apart(page: str) -> None:
    assert 'BTC<span class="quote">USDT</span>' in page
    assert 'ETHBTC<span class="quote"></span>' in page


def test_signals_page_carries_words_for_every_reason(page: str) -> None:
    data = json.loads(page.split('id="page" type="application/json">')[1].split("</script>")[0])
    assert set(data["reasons"]) == {str(code) for code in SignalReason} - {""}
    assert data["timeframes"][0] == {"name": "15m", "ms": 900_000}
    assert data["forecastSymbols"] == ["BTCUSDT"]


def test_signals_page_links_each_coin_to_its_own_page(page: str) -> None:
    assert re.findall(r'href="/symbols/(\w+)"', page) == ["BTCUSDT", "ETHBTC"]


def test_signals_page_can_be_sorted_by_every_timeframe(page: str) -> None:
    heads = re.findall(r'data-sort="(\w+)"', page)
    assert heads == ["symbol", "change", "15m", "1h", "4h", "1d", "agreement"]
    chosen = re.findall(r'<option value="(\w+)">', page)
    assert set(chosen) == {*heads, "list", "left"}


def test_signals_page_policy_allows_no_inline_script_and_the_page_has_none(client: Client) -> None:
    answer = client.get("/signals")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    page = answer.content.decode()
    inline = [tag for tag in re.findall(r"<script[^>]*>", page) if "src=" not in tag]
    assert inline == [f'<script id="{name}" type="application/json">' for name in ("shell", "page")]
    assert not re.search(r"\sstyle=|<style|\son\w+=", page)


@pytest.mark.parametrize(("path", "here"), [("/", "Live"), ("/signals", "Signals")])
def test_pages_link_to_each_other_and_say_which_is_shown(
    client: Client, path: str, here: str
) -> None:
    page = client.get(path).content.decode()
    nav = page.split("<nav")[1].split("</nav>")[0]
    assert {"/", "/signals", "/accuracy"} <= set(re.findall(r'href="([^"]+)"', nav))
    assert re.findall(r'aria-current="page">(\w+)<', nav) == [here]


def test_signals_page_post_is_refused(client: Client) -> None:
    assert client.post("/signals").status_code == 405
