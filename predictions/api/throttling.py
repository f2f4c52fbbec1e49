"""How often a client may ask: API_RATE, the same for REST framework's views and our own.

A client is an address: the only token there is belongs to the instance, not to a client. Each
web process counts for itself. Unlike REST framework's own classes, which keep the time of
every request, this keeps one number a client, whatever the rate.
"""

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import Throttled
from rest_framework.throttling import SimpleRateThrottle

from predictions.api.errors import AsyncView

if TYPE_CHECKING:  # at run time these are being imported while they look for this module
    from rest_framework.request import Request
    from rest_framework.views import APIView

MOST_CLIENTS = 10_000


class Allowances:
    """What each client has left: a full period's requests at once, then evenly refilled."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, client: str, count: int, seconds: float) -> float:
        """Spend one of `count` requests per `seconds`; return 0, or the seconds to wait."""
        now = self._clock()
        with self._lock:
            full_at = max(self._full_at.get(client, now), now) + seconds / count
            # A request's own share is free of rounding: a full period is `count` of them.
            wait = full_at - now - seconds * (1 + 1e-9)
            if wait <= 0:
                self._full_at[client] = full_at
                if len(self._full_at) > MOST_CLIENTS:
                    self._forget(now)
        return max(wait, 0.0)

    def reset(self) -> None:
        """Give every client its full allowance back."""
        with self._lock:
            self._full_at.clear()

    def _forget(self, now: float) -> None:
        self._full_at = {who: at for who, at in self._full_at.items() if at > now}
        while len(self._full_at) > MOST_CLIENTS:
            del self._full_at[next(iter(self._full_at))]


allowances = Allowances()


class ClientThrottle(SimpleRateThrottle):
    """Refuses a client's requests beyond API_RATE."""

    scope = "client"
    num_requests: int
    duration: int
    _wait = 0.0

    def get_rate(self) -> str:
        rate: str = settings.API_RATE
        return rate

    def get_cache_key(self, request: "Request | HttpRequest", view: "APIView | None") -> str:
        return str(self.get_ident(request))  # type: ignore[arg-type]  # it reads META alone

    def allow_request(self, request: "Request | HttpRequest", view: "APIView | None") -> bool:
        client = self.get_cache_key(request, view)
        self._wait = allowances.take(client, self.num_requests, self.duration)
        return self._wait == 0.0

    def wait(self) -> float:
        return self._wait


def throttled(view: AsyncView) -> AsyncView:
    """Hold a plain Django view to the same rate. It raises Throttled, as REST framework does."""

    @wraps(view)
    async def answer(request: HttpRequest, **named: Any) -> HttpResponse:
        throttle = ClientThrottle()
        if not throttle.allow_request(request, None):
            raise Throttled(throttle.wait())
        return await view(request, **named)

    return answer
