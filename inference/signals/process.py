"""The signal loop as a process: service, loop and metrics port, from start to stop.

The one place that turns settings into running parts; `manage.py run_signal_loop` calls it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from inference.artefacts.signal_registry import ModelRegistry
from inference.config import ServiceConfig
from inference.server import safe_host
from inference.signals.loop import SignalLoop
from inference.signals.metrics import SignalMetrics
from inference.signals.moment import MarketWatch
from inference.signals.service import InferenceService
from inference.signals.status import SignalStatus
from market.candles.store import CandleStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SignalSettings:
    """All that the process needs, frozen at its start."""

    config: ServiceConfig
    symbols: tuple[str, ...]
    exchange: str
    candles_dir: Path
    models_dir: Path
    var_dir: Path
    device: str
    market_source: str
    redis_url: str
    metrics_port: int
    token: str


async def serve(
    settings: SignalSettings, stopping: Callable[[], bool], max_batches: int | None = None
) -> None:
    """Run the loop until stopped, or until max_batches batches were written.

    Raises ConfigError where the device is not available, EvictionPolicyError where Redis could
    drop the ledger's log.
    """
    service = _service(settings)
    metrics = SignalMetrics()
    loop = SignalLoop(
        symbols=settings.symbols,
        exchange=settings.exchange,
        predictor=service,
        refresh=service.registry.refresh,
        refused=lambda: service.registry.refused,
        served=lambda: service.registry.served,
        redis_url=settings.redis_url,
        redis_config=settings.config.redis,
        status=SignalStatus(),
        metrics=metrics,
        stopping=stopping,
    )
    with _metrics_served(settings, metrics.registry):
        await loop.run(max_batches)


def _service(settings: SignalSettings) -> InferenceService:
    watch = MarketWatch(
        settings.redis_url,
        cluster=settings.config.redis.cluster_mode,
        source=settings.market_source,
        exchange=settings.exchange,
    )
    return InferenceService(
        ModelRegistry(settings.models_dir, settings.var_dir, settings.device),
        CandleStore(settings.candles_dir),
        settings.exchange,
        watch,
        refresh_seconds=None,  # the loop looks for promoted models beside its work
    )


@contextmanager
def _metrics_served(settings: SignalSettings, registry: CollectorRegistry) -> Iterator[None]:
    if not settings.config.metrics.enable_prometheus:
        yield
        return
    host = safe_host(settings.config.health.host, settings.token)
    try:
        server, thread = start_http_server(settings.metrics_port, host, registry)
    except OSError as error:
        # Another loop of this machine has it, most likely.
        log.warning("metrics_port_taken", port=settings.metrics_port, error=error.strerror)
        server, thread = start_http_server(0, host, registry)
    log.info("metrics_served", url=f"http://{host}:{server.server_port}/metrics")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
