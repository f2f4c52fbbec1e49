"""The one shape in which the REST API says no: status, code, message.

Read by every view; named in the settings as Django REST framework's exception handler.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from typing import Any

from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response

AsyncView = Callable[[HttpRequest], Coroutine[Any, Any, HttpResponse]]

READ_METHODS = ("GET", "HEAD")


class InvalidParameterError(exceptions.APIException):
    """A query value cannot be understood; the message names it and what is allowed."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "invalid_parameter"


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
    """Answer GET and HEAD alone; anything else gets 405 in the API's shape."""

    @wraps(view)
    async def answer(request: HttpRequest) -> HttpResponse:
        if request.method not in READ_METHODS:
            return method_not_allowed(request.method)
        return await view(request)

    # Nothing is written here, so a missing CSRF token must not hide the 405.
    answer.csrf_exempt = True  # type: ignore[attr-defined]
    return answer


def not_found(request: HttpRequest, rest: str = "") -> JsonResponse:
    """Answer for addresses under `api/` where there is nothing."""
    return error_response(404, "not_found", f"there is nothing at {request.path}")


not_found.csrf_exempt = True  # type: ignore[attr-defined]


def exception_handler(exc: Exception, context: Mapping[str, object]) -> Response | None:
    """Turn what a REST view raised into the API's shape; None leaves it to Django (500)."""
    if isinstance(exc, exceptions.MethodNotAllowed):
        method = getattr(context.get("request"), "method", None)
        return _refuse(exc, "method_not_allowed", _only_reading(method))
    if isinstance(exc, exceptions.ValidationError):
        return _refuse(exc, "invalid_parameter", exc.detail)
    if isinstance(exc, exceptions.APIException):
        return _refuse(exc, exc.get_codes(), exc.detail)
    if isinstance(exc, Http404):
        return Response(error_body("not_found", str(exc) or "there is no such thing"), 404)
    if isinstance(exc, DatabaseError):
        return Response(error_body("database_unavailable", "the database does not answer"), 503)
    return None


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
