"""What is told of a batch once it is out: in the status, in metrics and in the log.

Called by the signal loop after each batch.
"""

from collections.abc import Sequence

import structlog

from inference.signals.entry import BatchEntry
from inference.signals.metrics import SignalMetrics
from inference.signals.rounds import Round
from inference.signals.status import SignalStatus

log = structlog.get_logger(__name__)


def account_for(
    entry: BatchEntry,
    round_: Round,
    status: SignalStatus,
    metrics: SignalMetrics,
    *,
    wall_ms: float,
    seconds: float,
    latencies_s: Sequence[float],
) -> None:
    """Tell what a batch said and how long it took.

    wall_ms: when it was out (UTC); seconds: to make it; latencies_s: since its candles arrived.
    """
    metrics.observe(entry, wall_s=wall_ms / 1e3, seconds=seconds, latencies_s=latencies_s)
    status.add(entry, wall_ms, len(round_.waiting))
    log.info(
        "signals_made",
        timeframe=round_.timeframe.value,
        batch=entry.batch,
        signals=len(entry.signals),
        gaps=len(entry.gaps),
        missed=entry.missed,
        seconds=round(seconds, 3),
        latency_s=round(max(latencies_s), 3) if latencies_s else None,
    )
