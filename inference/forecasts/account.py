"""What is told of a tick once it is over: in the status, in metrics and in the log.

Called by the forecast loop after each tick.
"""

import structlog

from inference.forecasts.schedule import LATE_MS
from inference.forecasts.ticking import Ticker, TickResult
from inference.health import LoopStatus
from inference.metrics import LoopMetrics

log = structlog.get_logger(__name__)


def account_for(
    result: TickResult, ticker: Ticker, status: LoopStatus, metrics: LoopMetrics
) -> None:
    """Tell what a tick did, how long it took and what it could not do."""
    report, market = result.report, ticker.market
    if result.entry is None:
        metrics.refused.labels(result.outcome.value).inc()
        log.error("tick_not_written", tick=report.tick, outcome=result.outcome.value)
    status.add(report)
    status.venue = market.venue if market else None
    status.live = market.live if market else None
    metrics.observe(report, result.entry, ticker.forecaster.tally.rolling())
    if report.lateness_ms > LATE_MS:
        metrics.late.inc()
    log.info(
        "prediction_generated",
        tick=report.tick,
        symbols=report.symbols,
        model=report.model,
        fallbacks=report.fallbacks,
        latency_ms=round(report.total_ms, 3),
        read_ms=round(report.read_ms, 3),
        model_ms=round(report.model_ms, 3),
        write_ms=round(report.write_ms, 3),
        late_ms=round(report.lateness_ms, 3),
    )
