"""`/metrics` of the web process, for Prometheus; the loop has a port of its own."""

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from predictions.api.errors import read_only
from predictions.api.quality_metrics import register
from predictions.api.schema.describing import described_by
from predictions.api.schema.hot_operations import MetricsDescription

_quality = register()


@described_by(MetricsDescription)
@read_only
async def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with this process's metrics in Prometheus's text format."""
    await _quality.refresh()
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
