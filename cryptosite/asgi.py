"""The ASGI application: Django's pages and REST, and the WebSocket behind its checks."""

import os
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import ParseResult

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cryptosite.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

# Django must be set up before anything that reads settings or models is imported.
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator, WebsocketDenier
from django.conf import settings

from cryptosite.access import is_authorised
from dashboard.routing import websocket_urlpatterns

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Asgi = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


class BrowserOriginValidator(OriginValidator):  # type: ignore[misc]  # channels is untyped
    """Refuses pages of other origins. Bots send no Origin, browsers always do."""

    def valid_origin(self, parsed_origin: ParseResult | None) -> bool:
        return parsed_origin is None or bool(self.validate_origin(parsed_origin))


class AuthorisedOnly:
    """Refuses whoever has neither the token nor a login, where a token is set."""

    def __init__(self, application: Asgi) -> None:
        self._application = application
        self._deny: Asgi = WebsocketDenier.as_asgi()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        allowed = is_authorised(scope["headers"], scope["query_string"], scope["user"])
        await (self._application if allowed else self._deny)(scope, receive, send)


class TokenFirst:
    """Looks up who is logged in only where that decides: a socket needs no database otherwise."""

    def __init__(self, application: Asgi) -> None:
        self._application = application
        self._by_login: Asgi = AuthMiddlewareStack(AuthorisedOnly(application))

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        allowed = is_authorised(scope["headers"], scope["query_string"], None)
        await (self._application if allowed else self._by_login)(scope, receive, send)


application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": BrowserOriginValidator(
            TokenFirst(URLRouter(websocket_urlpatterns)),
            settings.ALLOWED_ORIGINS,
        ),
    }
)
