"""`/system`: how the instance is. The page carries bounds; the numbers come by REST and socket."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dashboard.shell import render_page
from predictions.recording.backlog import MOST_MEMORY, MOST_SECONDS_BEHIND
from predictions.watching.heartbeats import PROCESSES


@require_safe
def system(request: HttpRequest) -> HttpResponse:
    """Show what is wrong, the processes, the streams, the stores and the instance."""
    page: dict[str, Any] = {
        "processes": PROCESSES,
        "mostSecondsBehind": MOST_SECONDS_BEHIND,
        "mostMemory": MOST_MEMORY,
    }
    return render_page(request, "dashboard/system.html", {"page": page}, here="system")
