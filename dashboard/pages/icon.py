"""`/favicon.ico`, where browsers ask for an icon that no page names."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.views.decorators.http import require_safe


@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    """Lead to the icon those browsers that ask for it where icons used to be."""
    return redirect(static("dashboard/icon.svg"))
