"""What is answered where a view failed: 503 while the database is away, otherwise 500.

Named in `cryptosite/urls.py` as Django's `handler500`. It asks neither the database nor Redis nor
any file of candles: one of them may be what failed. API paths get the API's shape.
"""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from cryptosite.access import is_of_api
from dashboard.shell import page_context
from predictions.api.errors import error_response

RETRY_SECONDS = 5


def failure(request: HttpRequest) -> HttpResponse:
    """Answer for the exception that is being handled."""
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    answer = _as_json(away) if is_of_api(request.path) else _as_page(request, away)
    if away:
        answer["Retry-After"] = str(RETRY_SECONDS)
    answer["Cache-Control"] = "no-store"
    return answer


def _as_json(away: bool) -> HttpResponse:
    if away:
        return error_response(503, "database_unavailable", "the database does not answer")
    return error_response(500, "internal_error", "this failed on our side; the log says why")


def _as_page(request: HttpRequest, away: bool) -> HttpResponse:
    again = request.get_full_path() if request.method == "GET" else ""
    context = page_context(request, "", decimals={}) | {"away": away, "again": again}
    return render(request, "dashboard/failure.html", context, status=503 if away else 500)
