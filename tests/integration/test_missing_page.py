"""What browsers and programs are told at an address where there is nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.test import Client
from pytest_django import Settings

from dashboard import shell
from dashboard.pages.missing import MOST_SHOWN


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def redis_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    async def refuse() -> Any:
        raise redis.ConnectionError("connection refused")

    monkeypatch.setattr(shell, "running_market", refuse)
    yield


# Without pytest's database mark a query fails: the page has to do without one.
@pytest.mark.usefixtures("redis_away")
@pytest.mark.parametrize("path", ["/nowhere", "/signals/abc", "/accuracy/", "/static/none.js"])
def test_unknown_page_is_a_page_with_the_ways_on(browser: Client, path: str) -> None:
    answer = browser.get(path)
    text = answer.content.decode()
    assert answer.status_code == 404
    assert "There is no such page" in text
    assert f"<code>{path}</code>" in text
    assert 'aria-label="Pages"' in text
    assert "default-src 'self'" in answer["Content-Security-Policy"]


def test_unknown_page_shows_an_address_as_text_and_not_at_any_length(browser: Client) -> None:
    text = browser.get(f"/<b>{'x' * 500}").content.decode()
    assert "<b>" not in text
    assert f"{'x' * (MOST_SHOWN - 4)}…" in text


@pytest.mark.parametrize("path", ["/api/nothing", "/predict/nothing", "/metrics/nothing"])
def test_unknown_address_of_the_api_keeps_its_shape(browser: Client, path: str) -> None:
    answer = browser.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_unknown_page_is_told_to_nobody_without_the_token(
    browser: Client, settings: Settings
) -> None:
    settings.API_TOKEN = "a-token-of-this-test"
    assert browser.get("/nowhere").status_code == 302
