"""The forecast loop's heartbeat, over the hot path's own connection."""

import json
import os
import time

import structlog

from inference.handover.link import Link, LinkError, render
from inference.health import LoopStatus
from market import keys

log = structlog.get_logger(__name__)


async def beat(link: Link, key: str, status: LoopStatus) -> None:
    """Write what the loop says of itself under a key of `market.keys.health`."""
    document = status.document()
    written = render(
        [
            (
                "HSET", key,
                "status", document["status"],
                "pid", str(os.getpid()),
                "ts", str(round(time.time() * 1e3)),
                "detail", json.dumps(document),
            ),
            ("EXPIRE", key, str(keys.HEALTH_TTL_SECONDS)),
        ]
    )  # fmt: skip
    try:
        await link.execute(written)
    except LinkError as error:
        log.debug("heartbeat_not_written", error=str(error))
