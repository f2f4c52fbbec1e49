"""The page of a row that the ledger does not hold. Read by the record's pages."""

from django.http import HttpRequest, HttpResponse

from dashboard.shell import render_page

NAMES = {"signals": "signal", "forecasts": "forecast"}


def unknown_row(request: HttpRequest, engine: str, pk: int) -> HttpResponse:
    """Say that there is no such forecast or signal (404)."""
    context: dict[str, object] = {
        "named": NAMES[engine],
        "asked": str(pk)[:40],
        "list_url": f"/api/{engine}",
    }
    here = "signals" if engine == "signals" else "live"
    return render_page(request, "dashboard/unknown_row.html", context, here=here, status=404)
