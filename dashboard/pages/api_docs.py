"""`/api/docs`: Swagger UI from the sidecar's files, in the shell of the pages.

The page carries no inline script or style, as the content security policy asks: its script is an
address of its own.
"""

from typing import Any

from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from dashboard.shell import page_context


class ApiDocs(SpectacularSwaggerSplitView):
    """Swagger UI on `/api/schema`."""

    template_name = "dashboard/api_docs.html"
    url_name = "schema"
    http_method_names = ["get", "head", "options"]

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the page, or its script where that is asked for."""
        answer: Any = super().get  # drf-spectacular is untyped
        response: Response = answer(request, *args, **kwargs)
        if response.template_name == self.template_name:
            response.data = page_context(request._request, "docs") | response.data
        return response
