"""The one shape in which the REST API says no: status, code, message.

Read by every view; named in the settings as Django REST framework's exception handler.
"""

import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response

AsyncView = Callable[..., Coroutine[Any, Any, HttpResponse]]

READ_METHODS = ("GET", "HEAD")
PASSED_ON = ("Retry-After",)
"""Headers of a refusal that the client must see."""


class InvalidParameterError(exceptions.APIException):
    """A query value cannot be understood; the message names it and what is allowed."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "invalid_parameter"


class UnservedSymbolError(exceptions.APIException):
    """The text is no symbol, or none that signals are made for; the message says which are."""

    status_code = status.HTTP_404_NOT_FOUND
    default_code = "unknown_symbol"


class RedisUnavailableError(exceptions.APIException):
    """Nothing can be read at the moment; the client tries again."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "redis_unavailable"
    default_detail = "Redis does not answer; try again soon"


def error_body(code: str, message: str) -> dict[str, str]:
    """Return the body of any refusal."""
    return {"status": "error", "code": code, "message": message}


def error_response(status_code: int, code: str, message: str) -> JsonResponse:
    """Return a refusal from a plain Django view."""
    return JsonResponse(error_body(code, message), status=status_code)


def method_not_allowed(method: str | None) -> JsonResponse:
    """Refuse to write: there is nothing here that could be written."""
    response = error_response(405, "method_not_allowed", _only_reading(method))
    response["Allow"] = ", ".join(READ_METHODS)
    return response


def read_only(view: AsyncView) -> AsyncView:
    """Answer GET and HEAD alone, anything else with 405; refusals take the API's shape."""

    @wraps(view)
    async def answer(request: HttpRequest, **named: Any) -> HttpResponse:
        if request.method not in READ_METHODS:
            return method_not_allowed(request.method)
        try:
            return await view(request, **named)
        except exceptions.APIException as refusal:
            spoken = _spoken(refusal, request.method)
            headers = {name: spoken[name] for name in PASSED_ON if name in spoken}
            return JsonResponse(spoken.data, status=spoken.status_code, headers=headers)

    # Nothing is written here, so a missing CSRF token must not hide the 405.
    answer.csrf_exempt = True  # type: ignore[attr-defined]
    return answer


def not_found(request: HttpRequest, rest: str = "") -> JsonResponse:
    """Answer for addresses under `api/` where there is nothing."""
    return error_response(404, "not_found", f"there is nothing at {request.path[:80]}")


not_found.csrf_exempt = True  # type: ignore[attr-defined]


def exception_handler(exc: Exception, context: Mapping[str, object]) -> Response | None:
    """Turn what a REST view raised into the API's shape; None leaves it to Django (500)."""
    if isinstance(exc, exceptions.APIException):
        return _spoken(exc, getattr(context.get("request"), "method", None))
    if isinstance(exc, Http404):
        return Response(error_body("not_found", str(exc) or "there is no such thing"), 404)
    if isinstance(exc, DatabaseError | InterfaceError):
        return Response(error_body("database_unavailable", "the database does not answer"), 503)
    return None


def _spoken(exc: exceptions.APIException, method: str | None) -> Response:
    if isinstance(exc, exceptions.MethodNotAllowed):
        return _refuse(exc, "method_not_allowed", _only_reading(method))
    if isinstance(exc, exceptions.ValidationError):
        return _refuse(exc, "invalid_parameter", exc.detail)
    if isinstance(exc, exceptions.Throttled):
        seconds = max(1, math.ceil(getattr(exc, "wait", None) or 0))
        told = f"more than {settings.API_RATE} requests; try again in {seconds} s"
        response = _refuse(exc, "throttled", told)
        response["Retry-After"] = str(seconds)
        return response
    response = _refuse(exc, exc.get_codes(), exc.detail)
    wait: int | None = getattr(exc, "wait", None)
    if wait is not None:
        response["Retry-After"] = str(wait)
    return response


def _refuse(exc: exceptions.APIException, code: object, detail: object) -> Response:
    return Response(error_body(str(code), _sentence(detail)), exc.status_code)


def _sentence(detail: object) -> str:
    if isinstance(detail, Mapping):
        return "; ".join(f"{name}: {_sentence(inner)}" for name, inner in detail.items())
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        return " ".join(_sentence(inner) for inner in detail)
    return str(detail)


def _only_reading(method: str | None) -> str:
    return f"{method} is not allowed: this API is read-only"
