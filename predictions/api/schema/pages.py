"""`/api/schema` and `/api/docs`: the OpenAPI document, and Swagger UI on it.

The page carries no inline script or style, as the content security policy asks.
"""

from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


class SchemaView(SpectacularAPIView):
    """JSON, or YAML by `?format=yaml` or the Accept header."""

    renderer_classes = [
        OpenApiJsonRenderer2,
        OpenApiJsonRenderer,
        OpenApiYamlRenderer,
        OpenApiYamlRenderer2,
    ]
    http_method_names = ["get", "head", "options"]


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI from the sidecar's files; its script is an address of its own."""

    template_name = "predictions/api_docs.html"
    url_name = "schema"
    http_method_names = ["get", "head", "options"]
