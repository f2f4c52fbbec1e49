"""Who gets in: with and without a token, on pages, API and sockets."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import RequestFactory

from cryptosite.access import AccessMiddleware, bears_token, is_authorised

TOKEN = "a-token-of-the-instance"


@dataclass(frozen=True)
class Somebody:
    is_authenticated: bool


@pytest.fixture
def token(settings: object) -> Iterator[str]:
    settings.API_TOKEN = TOKEN  # type: ignore[attr-defined]  # pytest-django's settings proxy
    yield TOKEN


def ask(path: str, *, logged_in: bool = False, authorization: str | None = None) -> HttpResponse:
    request = make_request(path, logged_in=logged_in, authorization=authorization)
    answer = AccessMiddleware(lambda _: HttpResponse("inside"))(request)
    assert isinstance(answer, HttpResponse)
    return answer


def make_request(path: str, *, logged_in: bool, authorization: str | None) -> HttpRequest:
    headers = {} if authorization is None else {"Authorization": authorization}
    request = RequestFactory().get(path, headers=headers)
    user = Somebody(logged_in)

    async def auser() -> Somebody:
        return user

    request.user = user  # type: ignore[assignment]
    request.auser = auser  # type: ignore[assignment]
    return request


@pytest.mark.parametrize("path", ["/", "/api/forecasts", "/predict", "/metrics", "/admin/"])
def test_access_without_api_token_lets_all_pass(path: str, settings: object) -> None:
    settings.API_TOKEN = ""  # type: ignore[attr-defined]
    assert ask(path).content == b"inside"


@pytest.mark.parametrize("path", ["/api/forecasts", "/api", "/predict", "/predict/", "/metrics"])
def test_access_api_path_without_token_answers_401_json(path: str, token: str) -> None:
    answer = ask(path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert b'"code": "unauthorized"' in answer.content


def test_access_page_without_token_leads_to_login(token: str) -> None:
    answer = ask("/symbols/?q=1")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/admin/login/?next=/symbols/%3Fq%3D1"


@pytest.mark.parametrize("path", ["/health", "/health/", "/static/a.css", "/admin/login/"])
def test_access_open_path_needs_no_token(path: str, token: str) -> None:
    assert ask(path).content == b"inside"


@pytest.mark.parametrize("path", ["/healthy", "/apiary", "/statics"])
def test_access_path_that_only_resembles_an_open_one_is_refused(path: str, token: str) -> None:
    assert ask(path).status_code == 302


def test_access_with_token_or_login_passes(token: str) -> None:
    assert ask("/predict", authorization=f"Bearer {token}").content == b"inside"
    assert ask("/predict", logged_in=True).content == b"inside"


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer \u00e9"],
)
def test_access_with_wrong_authorization_answers_401(authorization: str, token: str) -> None:
    assert ask("/predict", authorization=authorization).status_code == 401
    assert not bears_token(authorization, token)


def test_access_in_async_stack_is_awaited_and_decides_alike(token: str) -> None:
    async def inside(_: HttpRequest) -> HttpResponseBase:
        return HttpResponse("inside")

    async def status(path: str, *, logged_in: bool) -> int:
        request = make_request(path, logged_in=logged_in, authorization=None)
        answer = AccessMiddleware(inside)(request)
        assert not isinstance(answer, HttpResponseBase)
        return (await answer).status_code

    assert asyncio.run(status("/predict", logged_in=False)) == 401
    assert asyncio.run(status("/predict", logged_in=True)) == 200
    assert asyncio.run(status("/health", logged_in=False)) == 200


def test_socket_is_authorised_by_header_query_or_login(token: str) -> None:
    bearer = [(b"authorization", f"Bearer {token}".encode())]
    nobody = Somebody(False)
    assert is_authorised(bearer, b"", nobody)
    assert is_authorised([], f"token={token}".encode(), nobody)
    assert is_authorised([], b"", Somebody(True))
    assert not is_authorised([(b"authorization", b"Bearer no")], b"token=no", nobody)
    assert not is_authorised([], b"", None)


def test_socket_without_api_token_is_authorised(settings: object) -> None:
    settings.API_TOKEN = ""  # type: ignore[attr-defined]
    assert is_authorised([], b"", None)
