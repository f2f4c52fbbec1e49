"""The web process's one member of the forecast group: receives once, hands on to its sockets.

Read by the consumer and `run_web`. A member a socket would cost Redis and the channel layer a
message each; this way a tick is received once and encoded once for each set of symbols.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from channels.layers import get_channel_layer
from django.conf import settings

from dashboard import frames
from dashboard.audience import Audiences
from dashboard.enduring import enduring
from dashboard.group_messages import GroupMessageError
from dashboard.hot_state import AWAY, HotState, market_now_ms
from dashboard.outbox import OUTCOME_SLOT, Frame
from dashboard.signal_batch import SignalBatch
from dashboard.snapshot import SnapshotTaker
from dashboard.subscriber import Snapshot, Subscriber
from dashboard.ticks import Continuity, Tick, Verdict
from dashboard.watching import Watching
from market import keys
from market.backoff import Backoff
from market.clock import MarketTime
from predictions.api.redis_client import web_redis

POLL_SECONDS = 0.5
HEALTH_EVERY = 4
"""Polls between two health frames, and between two heartbeats."""

NO_EXCHANGE: Mapping[str, Any] = {
    "outage": None,
    "exchange_clock": {"offset_ms": None, "uncertainty_ms": None},
}

LISTEN_SECONDS = 2.0
"""How long a new socket waits for the group before it is told that Redis is away."""

log = structlog.get_logger(__name__)


class RedisState(StrEnum):
    """What the last poll found."""

    UNKNOWN = "unknown"
    CONNECTED = "connected"
    AWAY = "away"


class Hub:
    """Fans ticks, signals, outcomes, quotes and health out to this process's sockets."""

    def __init__(
        self,
        hot: HotState,
        *,
        forecast_symbols: Sequence[str],
        signal_symbols: Sequence[str],
        max_age_ms: int,
    ) -> None:
        self._hot = hot
        self._max_age_ms = max_age_ms
        self._forecast_symbols = frozenset(forecast_symbols)
        self.symbols = tuple(dict.fromkeys((*forecast_symbols, *signal_symbols)))
        self._subscribers: dict[Subscriber, asyncio.Task[None]] = {}
        self._audiences = Audiences()
        self._continuity = Continuity()
        self._listening = asyncio.Event()
        self._snapshots = SnapshotTaker(
            hot, self.health, forecast_symbols=forecast_symbols, signal_symbols=signal_symbols
        )
        self._watching = Watching(hot)
        self._market: MarketTime | None = None
        self._processes: dict[str, Any] = {}
        self._exchange: Mapping[str, Any] = NO_EXCHANGE
        self._redis = RedisState.UNKNOWN
        self._reason = ""
        self._quotes: dict[str, str] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.counters: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to receive and to poll; does nothing where it has begun."""
        if not self._tasks:
            works = self._receive, self._watch
            self._tasks = [asyncio.create_task(enduring(work)) for work in works]

    async def stop(self) -> None:
        tasks = {*self._tasks, *self._subscribers.values(), *self._watching.stop()}
        self._tasks.clear()
        self._subscribers.clear()
        self._audiences.clear()
        while tasks:
            for task in tasks:
                task.cancel()
            # Again until it holds: a cancellation may get lost in a connection being made.
            _, tasks = await asyncio.wait(tasks, timeout=1)

    def join(self, subscriber: Subscriber) -> None:
        """Take a socket in: from now on it misses nothing, and its snapshot comes first."""
        task = asyncio.create_task(subscriber.run(self._snapshot, self._watching.market))
        self._subscribers[subscriber] = task
        self._audiences.add(subscriber)

    def narrow(self, subscriber: Subscriber, symbols: tuple[str, ...]) -> None:
        """Have a socket follow these symbols alone."""
        self._audiences.remove(subscriber)
        subscriber.narrow(symbols)
        self._audiences.add(subscriber)

    @property
    def watched(self) -> tuple[str, ...]:
        """The symbols whose markets somebody watches."""
        return self._watching.symbols

    def watch(self, subscriber: Subscriber, symbol: str | None) -> None:
        """Have a socket watch one market closely; None ends it."""
        self._watching.watch(subscriber, symbol)

    async def leave(self, subscriber: Subscriber) -> None:
        self._watching.leave(subscriber)
        self._audiences.remove(subscriber)
        task = self._subscribers.pop(subscriber, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def health(self) -> dict[str, Any]:
        """Return what is known of the market's time, its exchange, Redis and every process."""
        market = self._market
        return {
            "server_ms": round(time.time() * 1000),
            "market_ms": market_now_ms(market) if market else None,
            "venue": market.venue if market else None,
            "live": market.live if market else None,
            "speed": market.speed if market else None,
            "max_feature_age_ms": self._max_age_ms,
            "redis": {"status": self._redis, "reason": self._reason},
            "processes": self._processes,
            **self._exchange,
        }

    def handle(self, message: Mapping[str, Any]) -> None:
        """Hand one group message on; what cannot be read is counted and dropped."""
        try:
            if message.get("type") == "tick":
                self._tick(Tick.from_message(message))
            elif message.get("type") == "outcomes":
                self._outcomes(message["frames"], frames.outcome)
            elif message.get("type") == "signal_outcomes":
                self._outcomes(message["frames"], frames.signal_outcome)
            elif message.get("type") == "signals":
                self._signals(SignalBatch.from_message(message))
            else:
                raise GroupMessageError(f"unknown group message {message.get('type')!r:.80}")
        except (GroupMessageError, KeyError, TypeError, AttributeError) as error:
            self.counters["bad_messages"] += 1
            log.warning("group_message_dropped", error=str(error))

    def _tick(self, tick: Tick) -> None:
        verdict = self._continuity.observe(tick)
        if verdict is Verdict.REPEATED:
            self.counters["repeated_ticks"] += 1
            return
        self.counters["ticks"] += 1
        for audience in self._audiences:
            if frame := tick.frame(audience.watched, single=audience.single):
                for subscriber in audience.members:
                    subscriber.offer_tick(tick, frame)
        if verdict is Verdict.GAP:
            self.counters["gaps"] += 1
            self._refresh()

    def _signals(self, batch: SignalBatch) -> None:
        self.counters["signal_batches"] += 1
        for audience in self._audiences:
            if frame := batch.frame(audience.watched, single=audience.single):
                audience.offer(frame)

    def _outcomes(
        self,
        outcomes: Sequence[Mapping[str, Any]],
        framed: Callable[[Sequence[Mapping[str, Any]]], str],
    ) -> None:
        for audience in self._audiences:
            chosen = [each for each in outcomes if each["symbol"] in audience.watched]
            if chosen:
                audience.offer(Frame(OUTCOME_SLOT, framed(chosen)))

    async def _receive(self) -> None:
        backoff = Backoff()
        while True:
            try:
                # Asked first, because a channel that cannot be subscribed is never given back.
                await self._hot.ping()
                layer: Any = get_channel_layer()
                channel = await layer.new_channel()
                await layer.group_add(keys.PREDICTIONS_GROUP, channel)
                self._listening.set()
                self._refresh()
                backoff = Backoff()
                while True:
                    self.handle(await layer.receive(channel))
            except AWAY as error:
                self._listening.clear()
                log.warning("group_not_joined", error=str(error))
                await asyncio.sleep(backoff.next_seconds())

    async def _watch(self) -> None:
        backoff = Backoff()
        polls = 0
        while True:
            try:
                await self._poll(with_health=polls % HEALTH_EVERY == 0)
                polls += 1
                backoff = Backoff()
                await asyncio.sleep(POLL_SECONDS)
            except AWAY as error:
                polls = 0
                self._lost(f"Redis does not answer: {type(error).__name__}")
                await asyncio.sleep(backoff.next_seconds())

    async def _poll(self, *, with_health: bool) -> None:
        watched = sorted(self._audiences.followed() & self._forecast_symbols)
        market, quotes = await self._hot.quotes(watched)
        if with_health:
            await self._hot.beat({"sockets": len(self._subscribers), **self.counters}, os.getpid())
            self._processes, self._exchange = await self._hot.processes()
        moved = self._market is not None and market.venue != self._market.venue
        returned = self._redis is RedisState.AWAY
        self._market, self._redis, self._reason = market, RedisState.CONNECTED, ""
        self._offer_quotes(market, quotes)
        if with_health:
            self._offer_health()
        if returned or moved:
            self._refresh()

    def _lost(self, reason: str) -> None:
        if self._redis is not RedisState.AWAY:
            log.warning("redis_away", reason=reason)
            self.counters["redis_lost"] += 1
        self._redis, self._reason = RedisState.AWAY, reason
        self._processes, self._quotes, self._exchange = {}, {}, NO_EXCHANGE
        self._offer_health()

    def _offer_health(self) -> None:
        frame = Frame("health", frames.health(self.health()))
        for audience in self._audiences:
            audience.offer(frame)

    def _offer_quotes(self, market: MarketTime, quotes: dict[str, str]) -> None:
        changed = {s: text for s, text in quotes.items() if self._quotes.get(s) != text}
        self._quotes = quotes
        for audience in self._audiences:
            chosen = {s: changed[s] for s in audience.symbols if s in changed}
            if chosen:
                text = frames.price(chosen, venue=market.venue, live=market.live)
                audience.offer(Frame("price", text))

    def _refresh(self) -> None:
        for subscriber in self._subscribers:
            subscriber.refresh()

    async def _snapshot(self, symbols: tuple[str, ...]) -> Snapshot:
        try:
            async with asyncio.timeout(LISTEN_SECONDS):
                await self._listening.wait()
        except TimeoutError:
            self.counters["snapshots_unheard"] += 1
        return await self._snapshots.take(symbols)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def running_hub() -> Hub:
    """Return the event loop's hub, started; a web process has one loop, tests have several."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None:
        prediction = settings.INFERENCE.prediction
        hub = _hubs[loop] = Hub(
            HotState(web_redis(), tick_ms=prediction.tick_ms),
            forecast_symbols=settings.FORECAST_SYMBOLS,
            signal_symbols=settings.SIGNAL_SYMBOLS,
            max_age_ms=round(prediction.max_feature_age_seconds * 1000),
        )
    hub.start()
    return hub
