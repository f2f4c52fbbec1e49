"""What the Live page loads, how large it is, and how static files are served."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
import requests
from playwright.sync_api import Browser, Response

from tests.e2e.places import PLACES, visit
from tests.e2e.stack import Stack
from tests.processes import ROOT
from tests.waiting import PATIENCE_SECONDS

BUDGET_BYTES = 350_000
HASHED = re.compile(r"\.[0-9a-f]{12}\.[a-z]+$")
TOO_SMALL = 200
"""Bytes below which a compressed copy would be no smaller, so that none is made."""


@pytest.fixture(scope="module")
def first_load(browser: Browser, stack: Stack) -> Iterator[list[Response]]:
    """All answers that the Live page's first load asks for, the page itself first."""
    context = browser.new_context()
    with closing(context):
        page = context.new_page()
        found: list[Response] = []
        page.on("response", lambda answer: found.append(answer))
        visit(stack, page, PLACES[0])
        page.wait_for_load_state("networkidle")
        yield found


def test_first_load_of_the_live_page_is_within_its_budget_and_has_no_echarts(
    first_load: list[Response],
) -> None:
    sizes = {each.url: each.request.sizes()["responseBodySize"] for each in first_load}
    assert sum(sizes.values()) <= BUDGET_BYTES, sizes
    names = [url.rsplit("/", 1)[-1] for url in sizes]
    assert any(name.startswith("lightweight-charts") for name in names)
    assert not any("echarts" in name for name in names)


def test_static_files_of_the_live_page_are_hashed_compressed_and_kept_for_good(
    first_load: list[Response],
) -> None:
    files = [each for each in first_load if "/static/" in each.url]
    assert len(files) > 10
    for each in files:
        headers = each.all_headers()
        assert HASHED.search(each.url), each.url
        assert "immutable" in headers["cache-control"], each.url
        assert "max-age=315360000" in headers["cache-control"], each.url


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_static_files_are_served_as_the_browser_can_read_them(
    first_load: list[Response], encoding: str
) -> None:
    for each in first_load:
        if "/static/" not in each.url:
            continue
        plain = requests.get(
            each.url, headers={"Accept-Encoding": "identity"}, timeout=PATIENCE_SECONDS
        )
        packed = requests.get(
            each.url, headers={"Accept-Encoding": encoding}, timeout=PATIENCE_SECONDS, stream=True
        )
        assert "Content-Encoding" not in plain.headers
        if len(plain.content) < TOO_SMALL:
            continue
        assert packed.headers["Content-Encoding"] == encoding, each.url
        assert packed.headers["Vary"] == "Accept-Encoding"
        assert len(packed.raw.read()) < len(plain.content)


def test_chart_libraries_are_named_where_they_are_shown_and_in_the_notice(stack: Stack) -> None:
    notice = (ROOT / "NOTICE").read_text()
    for name in ("Lightweight Charts", "ECharts"):
        assert name in notice
    for path in ("/", "/symbols/BTCUSDT"):
        served = requests.get(stack.address + path, timeout=PATIENCE_SECONDS).text
        assert "https://www.tradingview.com/" in served
        assert "Lightweight Charts™" in served
