"""`/metrics` of the web process, for Prometheus; the loops have ports of their own."""

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from predictions.api.errors import read_only
from predictions.api.market_metrics import market_metrics
from predictions.api.quality_metrics import register
from predictions.api.recorder_metrics import recorder_metrics
from predictions.api.schema.describing import described_by
from predictions.api.schema.hot_operations import MetricsDescription

_quality = register()


@described_by(MetricsDescription)
@read_only
async def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with this process's metrics, the recorder's and the market's, as Prometheus's text."""
    await _quality.refresh()
    text = generate_latest() + await recorder_metrics() + await market_metrics()
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
