"""A past of signals: what the shipped models would have said at earlier closes, put into the log.

Made by the service and written by the publisher that the signal loop uses, from imported candles
as of each close; the recorder then stores and grades them like any other. Read by the stack that
tests and screenshots look at.
"""

import asyncio
from collections.abc import Mapping, Sequence

from inference.config import RedisConfig
from inference.handover.connections import open_client
from inference.handover.lease import Held, Lease
from inference.signals.entry import BatchEntry, Gap, Said
from inference.signals.moment import Moment
from inference.signals.publisher import BatchPublisher
from inference.signals.service import InferenceService
from inference.signals.signal import Signal
from inference.vocabulary import SIGNALS
from market.candles.timeframes import Timeframe

MADE_AFTER_MS = 1_500
_STATE_MS = 1_000


def closes(counts: Mapping[Timeframe, int], before_ms: int) -> list[tuple[int, Timeframe]]:
    """Return the newest closes of each timeframe that lie before a moment, oldest first."""
    return sorted(
        (before_ms - number * timeframe.ms, timeframe)
        for timeframe, count in counts.items()
        for number in range(1, count + 1)
    )


def speak(
    service: InferenceService,
    redis_url: str,
    venue: str,
    symbols: Sequence[str],
    when: Sequence[tuple[int, Timeframe]],
) -> int:
    """Say at each close what was to be said of these coins; return how many signals it were.

    Raises RuntimeError where a signal loop runs already.
    """
    return asyncio.run(_speak(service, redis_url, venue, symbols, when))


async def _speak(
    service: InferenceService,
    redis_url: str,
    venue: str,
    symbols: Sequence[str],
    when: Sequence[tuple[int, Timeframe]],
) -> int:
    client = open_client(redis_url, RedisConfig(socket_timeout_seconds=5.0))
    lease = Lease(client, SIGNALS, shard=0, cluster=False)
    publisher = BatchPublisher(client, shard=0, cluster=False)
    held: Held | None = None
    spoken = 0
    try:
        for close_ms, timeframe in when:
            moment = Moment(venue, False, close_ms + MADE_AFTER_MS)
            entry = _entry(service, moment, symbols, timeframe)
            # A slow machine may take longer over an entry than a lease lasts.
            if held is None or not await lease.renew(held):
                held = await lease.acquire()
            if held is None:
                raise RuntimeError("a signal loop leads already")
            await publisher.write(entry, {}, held, ttl_ms=_STATE_MS)
            spoken += len(entry.signals)
    finally:
        if held is not None:
            await lease.release(held)
        await client.aclose()
    return spoken


def _entry(
    service: InferenceService, moment: Moment, symbols: Sequence[str], timeframe: Timeframe
) -> BatchEntry:
    entry = BatchEntry(
        venue=moment.venue, live=False, batch=0, timeframe=timeframe, made_ms=int(moment.now_ms),
        missed=0, shard=0, token=0, signals=[], gaps=[],
    )  # fmt: skip
    for answer in service.predict_batch(symbols, timeframe, moment=moment):
        if isinstance(answer, Signal):
            entry.signals.append(Said(answer))
        else:
            open_ms = timeframe.last_closed(moment.now_ms)
            entry.gaps.append(Gap(answer.symbol, open_ms, answer.code, answer.message))
    return entry
