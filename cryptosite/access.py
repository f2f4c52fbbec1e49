"""Who may ask at all, settled before any view: the token of API_TOKEN, or a login.

Without API_TOKEN everything passes, since then only loopback is bound. Read by Django's
middleware list and by the WebSocket's ASGI stack.
"""

import hmac
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol
from urllib.parse import parse_qs

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import reverse

Response = HttpResponseBase | Awaitable[HttpResponseBase]

OPEN_PATHS = frozenset({"/health"})
API_PATHS = ("/api", "/predict", "/metrics")
DOCS_PATH = "/api/docs"
"""A page, though it lies among them: a browser is led to the login."""

UNAUTHORIZED = {
    "status": "error",
    "code": "unauthorized",
    "message": "send the instance's API_TOKEN as `Authorization: Bearer <token>`, or log in",
}
"""The body of every 401."""


class HasLogin(Protocol):
    """Django's user, as far as access is concerned."""

    @property
    def is_authenticated(self) -> bool: ...


def bears_token(authorization: str | None, token: str) -> bool:
    """Tell whether an `Authorization` header carries the token; compared in constant time."""
    scheme, _, offered = (authorization or "").partition(" ")
    return scheme.lower() == "bearer" and _same(offered.strip(), token)


def is_authorised(
    headers: Iterable[tuple[bytes, bytes]], query: bytes, user: HasLogin | None
) -> bool:
    """Tell whether an ASGI connection may go on: by token, by login, or as none is needed.

    headers and query as in the ASGI scope. A browser cannot give a WebSocket headers of its
    own, so `?token=` is read there too.
    """
    token: str = settings.API_TOKEN
    if not token or (user is not None and user.is_authenticated):
        return True
    for name, value in headers:
        if name.lower() == b"authorization" and bears_token(value.decode("latin-1"), token):
            return True
    offered = parse_qs(query.decode("latin-1")).get("token", [])
    return any(_same(candidate, token) for candidate in offered)


def is_of_api(path: str) -> bool:
    """Tell whether programs ask there, so that they are answered in JSON."""
    first = "/" + path.lstrip("/").split("/", 1)[0]
    return first in API_PATHS and path != DOCS_PATH


class AccessMiddleware:
    """Lets through the open paths, the token and logged-in users; refuses the rest.

    API paths answer 401 as JSON; pages lead to the login.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Response]) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Response:
        if self._is_async:
            return self._answer_async(request)
        if _passes(request) or request.user.is_authenticated:
            return self._get_response(request)
        return _refusal(request)

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        if _passes(request) or (await request.auser()).is_authenticated:
            answer = self._get_response(request)
            return answer if isinstance(answer, HttpResponseBase) else await answer
        return _refusal(request)


def _passes(request: HttpRequest) -> bool:
    token: str = settings.API_TOKEN
    path = request.path
    return (
        not token
        or path.rstrip("/") in OPEN_PATHS
        or path.startswith(settings.STATIC_URL)
        or path == reverse("admin:login")
        or bears_token(request.headers.get("Authorization"), token)
    )


def _refusal(request: HttpRequest) -> HttpResponseBase:
    if is_of_api(request.path) or "Authorization" in request.headers:
        return JsonResponse(UNAUTHORIZED, status=401, headers={"WWW-Authenticate": "Bearer"})
    return redirect_to_login(request.get_full_path(), reverse("admin:login"))


def _same(offered: str, token: str) -> bool:
    return hmac.compare_digest(offered.encode(), token.encode())
