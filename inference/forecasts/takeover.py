"""What whoever takes the lead takes over: the chain's end, and what is still to mature.

Called by the forecast loop alone, before its first tick.
"""

from typing import Any

import structlog

from inference.config import ServiceConfig
from inference.forecasts.recent import recent_entries
from inference.forecasts.ticking import SHARD, Ticker
from inference.handover.chain import ChainHead
from inference.handover.link import Link, render
from inference.vocabulary import FORECASTS
from market import keys

log = structlog.get_logger(__name__)


async def take_over(ticker: Ticker, link: Link, config: ServiceConfig) -> None:
    """Let a ticker go on from where whoever led the running market before ended.

    Raises LinkError where Redis is gone.
    """
    market = await ticker.look()
    head_key = ticker.publisher.head_key(market.venue)
    (head,) = await link.execute(render([("HMGET", head_key, "hash", "tick", "id")]))
    log_key = keys.log(FORECASTS, cluster=config.redis.cluster_mode)

    async def page(newest: str, count: int) -> list[tuple[Any, bytes | None]]:
        command = ("XREVRANGE", log_key, newest, "-", "COUNT", str(count))
        (found,) = await link.execute(render([command]))
        return [(entry_id, fields[1] if len(fields) > 1 else None) for entry_id, fields in found]

    # What is still to mature, and the interval's state, from whoever led before.
    entries = await recent_entries(
        page,
        (head[2] or b"").decode(),
        venue=market.venue,
        shard=SHARD,
        count=config.prediction.horizon_ms // config.prediction.tick_ms + 1,
    )
    ticker.forecaster.restore(entries)
    if head[0]:
        ticker.start_chain(ChainHead(head[0].decode(), int(head[1])))
    log.info("forecasts_taken_over", venue=market.venue, restored=len(entries))
