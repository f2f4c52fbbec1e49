"""The forecast loop: stand by, lead, tick on the grid, and look after itself between ticks."""

import asyncio
import gc
import os
import time
from collections.abc import Callable

import structlog
from redis.exceptions import RedisError

from inference.barred import COMMANDS, read_barred
from inference.config import ServiceConfig
from inference.forecasts.account import account_for
from inference.forecasts.entry import TickEntry
from inference.forecasts.forecaster import Forecaster, Speaker
from inference.forecasts.garbage import collect_after_tick, settle_garbage_collection
from inference.forecasts.heartbeat import beat
from inference.forecasts.memory import MemoryWatch
from inference.forecasts.schedule import Due, Schedule
from inference.forecasts.takeover import take_over
from inference.forecasts.ticking import SHARD, Ticker, TickResult
from inference.handover.connections import connections_in_use, open_client, open_link
from inference.handover.fence import LeaseLostError
from inference.handover.leading import Lead
from inference.handover.lease import RENEW_SECONDS, RETRY_SECONDS, Held, Lease
from inference.handover.link import LinkError, render
from inference.health import LoopStatus, ModelStatus
from inference.metrics import LoopMetrics
from inference.vocabulary import FORECASTS
from market import keys
from market.clock import LiveClock
from market.redis_policy import require_noeviction_async

LOOK_AROUND = render(COMMANDS)

log = structlog.get_logger(__name__)


class ForecastLoop:
    """Leads or stands by until `stopping()`."""

    def __init__(
        self,
        *,
        config: ServiceConfig,
        symbols: tuple[str, ...],
        speaker: Speaker,
        redis_url: str,
        status: LoopStatus,
        metrics: LoopMetrics,
        stopping: Callable[[], bool],
    ) -> None:
        self.status = status
        self._offered: tuple[Speaker, ModelStatus] | None = None
        self._ticking = False
        self._latest: tuple[float, TickEntry] | None = None
        self._config = config
        self._metrics = metrics
        self._stopping = stopping
        self._clock = LiveClock()
        self._schedule = Schedule(config.prediction.tick_ms, self._clock)
        self._link = open_link(redis_url, config.redis)
        self.ticker = Ticker(
            config=config,
            forecaster=Forecaster(symbols, config, speaker),
            link=self._link,
            schedule=self._schedule,
        )
        self._client = open_client(redis_url, config.redis)
        lease = Lease(self._client, FORECASTS, shard=SHARD, cluster=config.redis.cluster_mode)
        self.lead = Lead(lease, on_lost=self._follow_another)
        self._policy_known = False
        self._ticks = 0
        self._memory = MemoryWatch(config.performance.memory_limit_mb)

    @property
    def latest(self) -> TickEntry | None:
        """The newest tick; None before the first, and once `pred:` has run out, too."""
        if self._latest is None:
            return None
        said_at, entry = self._latest
        ttl = self._config.performance.prediction_cache_ttl_seconds
        return entry if time.monotonic() - said_at <= ttl else None

    def offer(self, speaker: Speaker, status: ModelStatus) -> None:
        """Let another model speak from the next tick on."""
        self._offered = speaker, status
        if not self._ticking:
            self._take_up()

    @property
    def quiet(self) -> bool:
        """Whether no tick is near: what may cost it milliseconds is done now, if anything is."""
        if self.lead.held is None or not self.status.finished:
            return True
        passed = time.monotonic() - self.status.finished[-1]
        period = self._config.prediction.frequency_seconds
        return passed < 0.4 * period or passed > 2 * period

    async def run(self, max_ticks: int | None = None) -> None:
        """Predict until stopped, or until max_ticks ticks were run by this loop.

        Raises EvictionPolicyError where Redis could drop the ledger's log.
        """
        renewing = asyncio.create_task(self._keep_lease())
        try:
            while not self._stopping() and (max_ticks is None or self._ticks < max_ticks):
                if self.lead.held is None:
                    await self._stand_by()
                else:
                    await self.step()
        finally:
            renewing.cancel()
            await self.lead.give_back()
            self._link.close()
            await self._client.aclose()

    async def step(self) -> bool:
        """Wait for the next tick and run it; whether a tick was run."""
        held = self.lead.held
        if held is None:
            return False
        try:
            due = await self._next_due()
            if due is None:
                return False
            result = await self._tick(due, held)
        except LeaseLostError as error:
            self.lead.lose(str(error))
            return False
        except LinkError as error:
            self._redis_gone(error)
            return False
        self._redis_back()
        if result is None:
            await beat(self._link, keys.health("inference"), self.status)
            await self._look_around()
            return False
        self._ticks += 1
        await self._after(due, result)
        return True

    async def _tick(self, due: Due, held: Held) -> TickResult | None:
        self._ticking = True
        try:
            return await self.ticker.run(due, held)
        finally:
            self._ticking = False
            self._take_up()

    async def _next_due(self) -> Due | None:
        market = self.ticker.market or await self.ticker.look()
        if not market.lock_step:
            return await self._schedule.wait()
        try:
            named = await self._client.blpop([keys.ticks_due()], timeout=0.5)
        except RedisError as error:
            raise LinkError(str(error)) from error
        if named is None:
            await self.ticker.look()
            return None
        return self._schedule.named(int(named[1]))

    async def take_lead(self) -> bool:
        """Take the lead where it is free, and go on from where the last leader ended.

        Raises redis.RedisError, with the lead given back.
        """
        if await self.lead.take() is None:
            return False
        try:
            await take_over(self.ticker, self._link, self._config)
            await self._look_around()
        except RedisError:
            await self.lead.give_back()
            raise
        if self.lead.held is None:  # lost while it was taken over
            return False
        self.status.leading = True
        self._metrics.leader.set(1)
        settle_garbage_collection()
        return True

    async def _stand_by(self) -> None:
        try:
            if not self._policy_known:
                await require_noeviction_async(self._client)
                self._policy_known = True
            leads = await self.take_lead()
        except RedisError as error:
            self._redis_gone(error)
            await asyncio.sleep(RETRY_SECONDS)
            return
        self._redis_back()
        if not leads:
            standby = keys.health(f"inference-standby-{os.getpid()}")
            await beat(self._link, standby, self.status)
            await asyncio.sleep(RETRY_SECONDS)

    def _take_up(self) -> None:
        if self._offered is None:
            return
        speaker, status = self._offered
        self._offered = None
        self.ticker.forecaster.switch(speaker)
        self.status.model = status
        log.info("model_switched", version=status.version, digest=status.digest[:12])

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self.lead.renew()
            except RedisError as error:
                log.debug("lease_not_renewed", error=str(error))

    def _follow_another(self) -> None:
        self.status.leading = False
        self._metrics.leader.set(0)

    def _redis_gone(self, error: Exception) -> None:
        if self.status.redis_connected:
            log.error("redis_lost", error=str(error), effect="predictions stop until it is back")
        self.status.redis_connected = False
        self._metrics.redis_up.set(0)

    def _redis_back(self) -> None:
        if not self.status.redis_connected:
            log.info("redis_connected")
        self.status.redis_connected = True
        self._metrics.redis_up.set(1)

    async def _after(self, due: Due, result: TickResult) -> None:
        """Everything that can wait until the forecast is out."""
        market = self.ticker.market
        if result.entry is not None:
            self._latest = time.monotonic(), result.entry
        account_for(result, self.ticker, self.status, self._metrics)
        self.status.pool_in_use = int(self._link.connected) + connections_in_use(self._client)
        step_ms = self._clock.resync()
        if step_ms is not None:
            self._metrics.clock_steps.inc()
            log.warning("clock_stepped", step_ms=round(step_ms, 1))
        if market is not None and market.lock_step:
            await self._release_feed(due.tick_ms)
        await beat(self._link, keys.health("inference"), self.status)
        await self._look_around()
        if self._memory.look(self._ticks):
            self._metrics.memory_pressure.inc()
            self.ticker.forecaster.relieve_memory()
            gc.collect()
        self._metrics.memory.set(self._memory.resident)
        self.status.memory_pressure = self._memory.pressed
        collect_after_tick(self._ticks)

    async def _look_around(self) -> None:
        # Beside the ticks, which cannot wait for it: it holds for the next one.
        market = self.ticker.market
        if market is None:
            return
        try:
            replies = await self._link.execute(LOOK_AROUND)
        except LinkError as error:
            log.debug("barred_not_read", error=str(error))
            return
        self.ticker.barred = read_barred(replies, market)

    async def _release_feed(self, tick_ms: int) -> None:
        try:
            await self._client.rpush(keys.ticks_done(), tick_ms)
        except RedisError as error:
            self._redis_gone(error)  # the feed names the tick again when it is back
