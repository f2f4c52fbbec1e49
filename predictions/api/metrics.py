"""`/metrics` of the web process, for Prometheus; the loops have ports of their own."""

import asyncio

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from predictions.api.drift_metrics import register as register_drift
from predictions.api.errors import read_only
from predictions.api.heartbeat_metrics import heartbeat_metrics
from predictions.api.quality_metrics import register
from predictions.api.rollback_metrics import register as register_rollbacks
from predictions.api.schema.describing import described_by
from predictions.api.schema.hot_operations import MetricsDescription

_quality = register()
_rollbacks = register_rollbacks()
_drift = register_drift()


@described_by(MetricsDescription)
@read_only
async def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with this process's metrics, and those of who serves none, as Prometheus's text."""
    await asyncio.gather(_quality.refresh(), _rollbacks.refresh(), _drift.refresh())
    told = await heartbeat_metrics()
    return HttpResponse(generate_latest() + told, content_type=CONTENT_TYPE_LATEST)
