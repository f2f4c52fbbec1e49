"""What browsers and programs are told where the database is away, or a view fails."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import AsyncClient, Client
from pytest_django import Settings

from dashboard.pages import failure, live

pytestmark = pytest.mark.django_db

TOKEN = "a-token-of-this-test"


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def away() -> Iterator[None]:
    def refuse(*asked: Any) -> Any:
        raise OperationalError("could not connect to server at 10.0.0.7")

    with connection.execute_wrapper(refuse):
        yield


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("path", ["/signals/7", "/forecasts/7", "/admin/"])
def test_page_without_a_database_says_so_and_where_to_go_on(browser: Client, path: str) -> None:
    browser.cookies["sessionid"] = "of-somebody"
    answer = browser.get(f"{path}?next=%3Cb%3E")
    text = answer.content.decode()
    assert (answer.status_code, answer["Retry-After"]) == (503, str(failure.RETRY_SECONDS))
    assert "The database does not answer" in text
    assert f'href="{path}?next=%3Cb%3E"' in text
    assert 'aria-label="Pages"' in text
    assert "10.0.0.7" not in text
    assert "default-src 'self'" in answer["Content-Security-Policy"]


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("path", ["/api/forecasts", "/api/ledger/checkpoint", "/api/system"])
def test_api_of_somebody_who_cannot_be_looked_up_answers_in_its_own_shape(
    browser: Client, settings: Settings, path: str
) -> None:
    settings.API_TOKEN = TOKEN
    browser.cookies["sessionid"] = "of-somebody"
    answer = browser.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")


@pytest.mark.usefixtures("clean_redis", "away")
@pytest.mark.parametrize("path", ["/", "/signals", "/symbols/BTCUSDT", "/accuracy", "/models",
                                  "/system", "/api/docs"])  # fmt: skip
def test_page_that_needs_no_database_is_there_without(browser: Client, path: str) -> None:
    assert browser.get(path).status_code == 200


def test_page_whose_view_fails_is_a_page_and_tells_nothing_of_the_fault(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "parse_symbol", _failing)
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "This page failed" in answer.content.decode()
    assert "secret" not in answer.content.decode()


async def test_failure_is_known_where_an_event_loop_serves(
    async_client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async_client.raise_request_exception = False

    def refuse(*asked: Any) -> Any:
        raise OperationalError

    monkeypatch.setattr(live, "parse_symbol", refuse)
    assert (await async_client.get("/")).status_code == 503


def _failing(text: str) -> str:
    raise RuntimeError("secret of the inside")


@pytest.mark.parametrize(("path", "kind"), [("/api/predictions", "json"), ("/", "plain")])
def test_request_under_a_foreign_name_is_refused_in_a_line(
    client: Client, caplog: pytest.LogCaptureFixture, path: str, kind: str
) -> None:
    answer = client.get(path, HTTP_HOST="evil.example")
    assert (answer.status_code, kind in answer["Content-Type"]) == (400, True)
    assert "ALLOWED_HOSTS" in answer.content.decode()
    assert b"evil" not in answer.content
    (told,) = [one for one in caplog.records if one.name == "django.security.DisallowedHost"]
    assert (told.levelname, told.exc_info) == ("WARNING", None)
