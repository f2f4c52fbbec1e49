"""What is answered where there is no page (404), in the shell with its navigation.

Named in `cryptosite/urls.py` as Django's `handler404`. It asks neither the database nor Redis: a
mistyped address is told as one, whatever is away. API paths get the API's shape.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from cryptosite.access import is_of_api
from dashboard.shell import page_context
from predictions.api.errors import not_found

MOST_SHOWN = 80


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for an address that names nothing here."""
    if is_of_api(request.path):
        return not_found(request)
    asked = request.path
    shown = asked if len(asked) <= MOST_SHOWN else f"{asked[:MOST_SHOWN]}…"
    context = page_context(request, "", decimals={}) | {"asked": shown}
    return render(request, "dashboard/missing.html", context, status=404)
