"""Tells a running instance of imported candles: of each dataset's newest alone, if it is new."""

from collections.abc import Iterable
from typing import Protocol

from market.candles.announcing import StoredCandle, announce
from market.candles.timeframes import Timeframe
from market.redis_cluster import AWAY, connect


class FilledDataset(Protocol):
    """What an import or a backfill says of a dataset; last_ms: the newest open."""

    venue: str
    symbol: str
    timeframe: Timeframe
    last_ms: int | None
    newest_is_new: bool


def announce_newest(
    redis_url: str, datasets: Iterable[FilledDataset], *, cluster: bool
) -> int | None:
    """Return how many were announced; None where Redis does not answer (nothing is lost)."""
    candles = [
        StoredCandle(each.venue, each.symbol, each.timeframe, each.last_ms, provisional=False)
        for each in datasets
        if each.newest_is_new and each.last_ms is not None
    ]
    if not candles:
        return 0
    try:
        options = {"socket_timeout": 2, "socket_connect_timeout": 2}
        with connect(redis_url, cluster=cluster, **options) as client:
            return announce(client, candles)
    except AWAY:
        return None
