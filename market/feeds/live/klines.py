"""Candles of a live market: which streams tell them, and how an exchange is asked for others.

Subscriptions are made where a live market is opened. Links ask with `fetch_candles`; the feed
answers the candle desk's thread with `ask_candles`; `backfill_candles` asks a link itself.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any, Protocol

import numpy as np

from market.candles.series import CandleSeries
from market.candles.timeframes import SIGNAL_TIMEFRAMES, Timeframe
from market.feeds import FeedError
from market.feeds.live.link import LinkError, Stream, Subscription

ANSWER_SECONDS = 60.0
"""The longest that one dataset's missing candles may take: some pages, each throttled."""

MOST_A_PAGE = 1_000
"""Of exchanges that do not say how many candles they give at once."""

LATE_PART_MS = 60_000
"""So long after its close an exchange may not tell a candle yet; later, nobody traded in it."""

TELL_THE_NEXT = frozenset({"binance", "kraken"})
"""Exchanges that answer with the next candles that there are, however far: holes cost nothing.
The others are told where to end, as some would tell the newest instead."""


class OhlcvSource(Protocol):
    """What is used of ccxt's exchange."""

    id: str
    timeframes: Mapping[str, Any]
    features: Mapping[str, Any] | None

    async def fetch_ohlcv(
        self,
        symbol: str,
        timeframe: str,
        since: int | None,
        limit: int | None,
        params: dict[str, Any],
    ) -> Sequence[Sequence[Any]]: ...


class CandleSource(Protocol):
    """What is used of a link."""

    name: str

    async def candles(
        self, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> CandleSeries: ...

    def candle_page(self, timeframe: Timeframe) -> int: ...


def candle_subscriptions(
    forecast_symbols: Iterable[str], signal_symbols: Iterable[str]
) -> tuple[Subscription, ...]:
    """Return the candle streams of a live market: signals' timeframes, and 1m of every symbol.

    Grading follows a signal along 1m, and nearly every coin has an open one at any time. 34 coins
    are 170 streams, each of which speaks once in two seconds at most.
    """
    found = []
    signal_symbols = tuple(signal_symbols)
    for symbol in dict.fromkeys((*forecast_symbols, *signal_symbols)):
        timeframes = (Timeframe.M1, *(SIGNAL_TIMEFRAMES if symbol in signal_symbols else ()))
        found += [Subscription(symbol, Stream.CANDLES, timeframe) for timeframe in timeframes]
    return tuple(found)


def candle_page(exchange: OhlcvSource, timeframe: Timeframe) -> int:
    """Return how many candles of a timeframe one question may ask for.

    Raises LinkError where the exchange has no candles of it, nor such as it is made of.
    """
    told = ((exchange.features or {}).get("spot") or {}).get("fetchOHLCV") or {}
    limit = int(told.get("limit") or MOST_A_PAGE)
    return limit // (timeframe.ms // _asked_for(exchange, timeframe).ms)


async def fetch_candles(
    exchange: OhlcvSource,
    market: str,
    timeframe: Timeframe,
    since_ms: int,
    limit: int,
    now_ms: float,
) -> CandleSeries:
    """Ask ccxt for up to `limit` candles of `market` (its name of it) from `since_ms` on.

    now_ms: UTC; what has not closed by then is left out. Where the exchange has no candles so
    long (Coinbase's 4h), they are made of shorter ones, the newest once its last part is told.
    Raises ccxt's errors, and LinkError for a timeframe that cannot be had.
    """
    asked = _asked_for(exchange, timeframe)
    limit = min(limit, candle_page(exchange, timeframe))
    end_ms = since_ms + limit * timeframe.ms
    params = {} if exchange.id in TELL_THE_NEXT else {"until": end_ms - 1}
    rows = await exchange.fetch_ohlcv(
        market, str(asked), since_ms, limit * timeframe.ms // asked.ms, params
    )
    candles = series_of(rows)
    closed_ms = now_ms
    if asked is not timeframe:
        parts = candles[candles.open_ms < end_ms]
        told_ms = int(parts.open_ms[-1]) + asked.ms if len(parts) else since_ms
        closed_ms = max(min(now_ms, told_ms), now_ms - LATE_PART_MS)
        candles = _longer(parts, timeframe)
    closed = candles.open_ms <= closed_ms - timeframe.ms
    return candles[(candles.open_ms >= since_ms) & closed]


def series_of(rows: Sequence[Sequence[Any]]) -> CandleSeries:
    """Return ccxt's rows (open ms, open, high, low, close, volume) as a series, each time once."""
    if not rows:
        return CandleSeries.empty()
    table = np.array([row[:6] for row in rows], np.float64)
    opens, first = np.unique(table[:, 0].astype(np.int64), return_index=True)
    opened, high, low, close, volume = np.ascontiguousarray(table[first, 1:].T)
    return CandleSeries(opens, opened, high, low, close, volume, np.zeros(len(opens), np.bool_))


async def candles_since(
    source: CandleSource, symbol: str, timeframe: Timeframe, since_ms: int, now_ms: float
) -> CandleSeries:
    """Ask page by page for what opened since `since_ms` and has closed by `now_ms`.

    Raises LinkError.
    """
    newest_ms = timeframe.last_closed(now_ms)
    page = source.candle_page(timeframe)
    parts = []
    while since_ms <= newest_ms:
        limit = min(page, (newest_ms - since_ms) // timeframe.ms + 1)
        found = await source.candles(symbol, timeframe, since_ms, limit)
        found = found[found.open_ms >= since_ms]
        parts.append(found)
        # Where nothing came, nothing lies in the span.
        since_ms = (
            int(found.open_ms[-1]) + timeframe.ms if len(found) else since_ms + limit * timeframe.ms
        )
    return CandleSeries.joined(parts)


def ask_candles(
    loop: asyncio.AbstractEventLoop,
    source: CandleSource,
    symbol: str,
    timeframe: Timeframe,
    since_ms: int,
    now_ms: float,
    seconds: float = ANSWER_SECONDS,
) -> CandleSeries:
    """Ask from another thread than the loop's, and wait for the answer.

    Raises FeedError where the exchange does not answer now, or not within `seconds`.
    """
    asking = candles_since(source, symbol, timeframe, since_ms, now_ms)
    try:
        answer = asyncio.run_coroutine_threadsafe(asking, loop)
    except RuntimeError as error:
        asking.close()
        raise FeedError(f"{source.name} is being left") from error
    try:
        return answer.result(seconds)
    except LinkError as error:
        raise FeedError(str(error), error.wait_seconds) from error
    except TimeoutError as error:
        answer.cancel()
        raise FeedError(
            f"{source.name} did not tell {symbol} {timeframe} within {seconds:.0f} s"
        ) from error
    except CancelledError as error:
        raise FeedError(f"{source.name} is being left") from error


def _asked_for(exchange: OhlcvSource, timeframe: Timeframe) -> Timeframe:
    for each in reversed(Timeframe):
        if each.ms <= timeframe.ms and timeframe.ms % each.ms == 0 and each in exchange.timeframes:
            return each
    raise LinkError(f"the exchange has no candles of {timeframe}, nor shorter ones")


def _longer(candles: CandleSeries, timeframe: Timeframe) -> CandleSeries:
    if not len(candles):
        return candles
    longer_ms = candles.open_ms // timeframe.ms * timeframe.ms
    opens, first = np.unique(longer_ms, return_index=True)
    last = np.append(first[1:], len(candles)) - 1
    return CandleSeries(
        opens,
        candles.open[first],
        np.maximum.reduceat(candles.high, first),
        np.minimum.reduceat(candles.low, first),
        candles.close[last],
        np.add.reduceat(candles.volume, first),
        np.zeros(len(opens), np.bool_),
    )
