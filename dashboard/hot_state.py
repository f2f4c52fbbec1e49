"""Redis as pages need it: whose time it is, quotes, newest forecasts, price line, heartbeats.

Read by the hub (quotes and health, for all sockets at once) and by snapshots. Hashes that
others may fill are checked on reading: what is not a finite number is null. What an earlier market
left of a symbol that the running one does not carry is not shown, as no forecast is made of it.
"""

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import redis.asyncio

from dashboard import frames
from dashboard.current_signals import CurrentSignals, read_signals, signal_keys, signal_slots
from dashboard.depth import BOOK_FIELDS, Raw
from inference.forecasts import prediction_cache
from inference.signals.live_accuracy import decode_live_accuracy
from inference.vocabulary import SIGNALS
from market import keys
from market.clock import LIVE_TIME, MarketTime, of_another_market
from predictions.api.running_market import market_of
from predictions.watching.heartbeats import DOWN, Process, answers, detail_of, read_processes
from predictions.watching.market_facts import exchange_clock, outage

AWAY = (redis.RedisError, OSError)
"""What readers of hot state meet where Redis does not answer."""

MAX_PRICES = 3_000
"""Entries of `px:` that one snapshot reads, over all its symbols."""

NO_NUMBERS = (None, None, None, None)
QUOTE_FEATURES = ("mid_price", "feature_ts", "event_ts_ms", "exchange_ts_ms", "venue")

Data = dict[str, Any]


class HotState:
    """Reads in pipelines; raises redis.RedisError where Redis is away."""

    def __init__(self, client: redis.asyncio.Redis, *, tick_ms: int) -> None:
        self._redis = client
        self._tick_ms = tick_ms
        self._carried: frozenset[str] | None = None  # by the running feed; None: not told

    async def quotes(self, symbols: Sequence[str]) -> tuple[MarketTime, dict[str, str]]:
        """Return the market's time and each symbol's quote as JSON text."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hgetall(keys.clock())
        for symbol in symbols:
            pipeline.hmget(keys.ob(symbol), ("bid", "ask", "ts"))
            pipeline.hmget(keys.feat(symbol), QUOTE_FEATURES)
        clock, *replies = await answers(pipeline)
        market = market_of(clock)
        now_ms = market_now_ms(market)
        quotes = {}
        for symbol, book, features in zip(symbols, replies[::2], replies[1::2], strict=True):
            *numbers, venue = features or (None,) * len(QUOTE_FEATURES)
            believed = _believed(venue, market) and self._is_carried(symbol)
            quote = _quote(book, numbers, now_ms) if believed else _quote(None, NO_NUMBERS, None)
            quotes[symbol] = frames.encode_quote(quote)
        return market, quotes

    async def predictions(self, symbols: Sequence[str]) -> dict[str, Data | None]:
        """Return each symbol's newest forecast in the WebSocket's fields; null where none."""
        pipeline = self._redis.pipeline(transaction=False)
        for symbol in symbols:
            pipeline.hgetall(keys.pred(symbol))
        replies = await answers(pipeline)
        return {s: self._prediction(s, f or {}) for s, f in zip(symbols, replies, strict=True)}

    async def prices(self, symbols: Sequence[str], span_ms: int) -> dict[str, list[list[float]]]:
        """Return [market ms, mid] of each symbol, the last of each second, oldest first."""
        count = max(60, MAX_PRICES // max(1, len(symbols)))
        pipeline = self._venues(symbols)
        for symbol in symbols:
            pipeline.xrevrange(keys.px(symbol), count=count)
        replies = await answers(pipeline)
        believed, replies = _told(replies, len(symbols))
        parts = zip(symbols, believed, replies, strict=True)
        return {s: _by_second((e if ours else None) or [], span_ms) for s, ours, e in parts}

    async def depths(
        self, symbols: Sequence[str]
    ) -> tuple[MarketTime, dict[str, tuple[Raw, str | None]]]:
        """Return the market, and each symbol's book (BOOK_FIELDS) and its tape, as they stand."""
        pipeline = self._venues(symbols)
        for symbol in symbols:
            pipeline.hmget(keys.ob(symbol), BOOK_FIELDS)
            pipeline.get(keys.tape(symbol))
        replies = await answers(pipeline)
        market = market_of(replies[0])
        believed, replies = _told(replies, len(symbols))
        none = (None,) * len(BOOK_FIELDS)
        parts = zip(symbols, believed, replies[::2], replies[1::2], strict=True)
        return market, {
            s: (book or none, tape) if ours else (none, None) for s, ours, book, tape in parts
        }

    async def signals(self, symbols: Sequence[str]) -> CurrentSignals:
        """Return each symbol's current signals, and why there are none."""
        names = signal_keys(symbols)
        if not names:
            return CurrentSignals()
        client: Any = self._redis
        # In a cluster the keys lie in many slots, and plain MGET is for one.
        mget = getattr(client, "mget_nonatomic", client.mget)
        measured, *texts = await mget([keys.quality(SIGNALS), *names])
        return read_signals(signal_slots(symbols), texts, decode_live_accuracy(measured))

    async def processes(self) -> tuple[dict[str, Data], Data]:
        """Return each process's heartbeat, status null where there is none, and the exchange.

        Of the exchange: `outage` and `exchange_clock`, null where the market tells of none.
        """
        processes = await read_processes(self._redis)
        market = processes["market"]
        carried = detail_of(market).get("symbols")
        self._carried = frozenset(carried) if isinstance(carried, Mapping) else None
        exchange = {
            "outage": msgspec.to_builtins(outage(market)),
            "exchange_clock": exchange_clock(market),
        }
        return {name: _heartbeat(process) for name, process in processes.items()}, exchange

    async def beat(self, detail: Mapping[str, object], pid: int) -> None:
        """Write the web process's own heartbeat."""
        key = keys.health("web")
        fields: Any = {
            "status": "healthy",
            "pid": str(pid),
            "ts": str(round(time.time() * 1000)),
            "detail": json.dumps(detail),
        }
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hset(key, mapping=fields)
        pipeline.expire(key, keys.HEALTH_TTL_SECONDS)
        await pipeline.execute()

    async def ping(self) -> None:
        await self._redis.exists(keys.clock())

    def _is_carried(self, symbol: str) -> bool:
        # A feed that begins anew with fewer symbols leaves the others' last prices behind.
        return self._carried is None or symbol in self._carried

    def _venues(self, symbols: Sequence[str]) -> Any:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hgetall(keys.clock())
        for symbol in symbols:
            pipeline.hget(keys.feat(symbol), "venue")
        return pipeline

    def _prediction(self, symbol: str, fields: Mapping[str, str]) -> Data | None:
        forecast = prediction_cache.from_hash(symbol, fields)
        if forecast is None:
            return None
        forecast["latency_ms"] = forecast.pop("inference_latency_ms")
        forecast.pop("prediction_horizon_seconds")
        made = forecast["timestamp"]
        # `pred:` holds no sequence number; ticks lie on a grid, and their number is their place.
        forecast["seq"] = made // self._tick_ms if isinstance(made, int) else None
        return forecast


def market_now_ms(market: MarketTime) -> float | None:
    """Return market time; None in lock-step, where it stands between ticks."""
    return None if market.lock_step else market.market_at(time.time() * 1000)


def _believed(venue: str | None, market: MarketTime) -> bool:
    return not of_another_market(venue, None if market is LIVE_TIME else market.venue)


def _told(replies: list[Any], count: int) -> tuple[list[bool], list[Any]]:
    clock, venues = replies[0], replies[1 : 1 + count]
    market = market_of(clock)
    return [_believed(venue, market) for venue in venues], replies[1 + count :]


def _quote(
    book: Sequence[str | None] | None,
    features: Sequence[str | None],
    now_ms: float | None,
) -> Data:
    bid, ask, ts = book or (None, None, None)
    mid, feature_ts, event_ts_ms, exchange_ts_ms = features
    feature_s = _number(feature_ts)
    age_ms = None
    if feature_s is not None and now_ms is not None:
        age_ms = round(now_ms - feature_s * 1000)
    return {
        "mid": _number(mid),
        "bid": _number(bid),
        "ask": _number(ask),
        "ts": _number(ts),
        "feature_ts": feature_s,
        "event_ts_ms": _number(event_ts_ms),
        "exchange_ts_ms": _number(exchange_ts_ms),
        "age_ms": age_ms,
    }


def _by_second(entries: Iterable[tuple[str, Mapping[str, str]]], span_ms: int) -> list[list[float]]:
    seconds: dict[int, list[float]] = {}
    newest_ms: int | None = None
    for entry_id, fields in entries:  # newest first
        mid = _number(fields.get("mid"))
        at_ms = int(entry_id.partition("-")[0])
        newest_ms = at_ms if newest_ms is None else newest_ms
        if newest_ms - at_ms > span_ms:
            break
        if mid is not None:
            seconds.setdefault(at_ms // 1000, [at_ms, mid])
    return list(seconds.values())[::-1]


def _heartbeat(process: Process) -> Data:
    return {
        "status": None if process == DOWN else process["status"],
        "pid": process.get("pid"),
        "age_ms": process.get("age_ms"),
        # Some details list every symbol; a frame that goes to every socket has no room for that.
        "detail": {
            name: value
            for name, value in detail_of(process).items()
            if value is None or isinstance(value, str | int | float)
        },
    }


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
