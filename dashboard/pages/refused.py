"""What is answered to a request that Django refuses before any view sees it (400).

Named in `cryptosite/urls.py` as Django's `handler400`. The Host header may be what is wrong, so
nothing here makes an address of it: plain text for browsers, the API's shape for programs.
"""

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from cryptosite.access import is_of_api
from predictions.api.errors import error_response


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for a request that is refused."""
    message = "this request cannot be read"
    answer: HttpResponse = error_response(400, "bad_request", message)
    if isinstance(exception, DisallowedHost):
        message = "the Host header names none of ALLOWED_HOSTS, the names of this server"
        answer = error_response(400, "unknown_host", message)
    if is_of_api(request.path):
        return answer
    return HttpResponse(f"400: {message}\n", status=400, content_type="text/plain; charset=utf-8")
