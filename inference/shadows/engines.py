"""Both engines' shadows of one process, put together once something is on trial."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from inference.artefacts.registry import Registry
from inference.forecasts.entry import TickEntry
from inference.handover.connections import AnyClient
from inference.handover.leading import Lead
from inference.handover.lease import Lease
from inference.shadows.chain_writer import ChainWriter
from inference.shadows.forecasts import ForecastHearing
from inference.shadows.log_following import LogFollower
from inference.shadows.loop import ShadowLoop
from inference.shadows.market_clock import MarketClock
from inference.shadows.shards import LEASE_SHARD
from inference.shadows.status import ShadowStatus
from inference.shadows.trials import Trials
from inference.vocabulary import FORECASTS, SIGNALS

if TYPE_CHECKING:  # which imports this once it is needed
    from inference.shadows.process import ShadowSettings
    from inference.signals.entry import BatchEntry


class Shadows:
    """Follows both logs in tasks of their own. One process speaks for both engines."""

    def __init__(
        self,
        settings: "ShadowSettings",
        client: AnyClient,
        status: ShadowStatus,
        stopping: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._client = client
        self._status = status
        self._stopping = stopping
        self.forecasts = self._forecasts()
        self.signals: ShadowLoop[BatchEntry] | None = None
        self._tasks = [asyncio.create_task(self.forecasts.run(stopping))]

    async def follow_trials(self, wanted: Trials) -> None:
        """Begin and end versions as the links say. Raises what ended a log's following."""
        for task in self._tasks:
            if task.done():
                task.result()
        await self.forecasts.follow_trials(_of(wanted, FORECASTS))
        signals = _of(wanted, SIGNALS)
        if self.signals is None and signals:
            self.signals = self._signals()
            self._tasks.append(asyncio.create_task(self.signals.run(self._stopping)))
        if self.signals is not None:
            await self.signals.follow_trials(signals)

    async def close(self) -> None:
        """End all, and let another process speak."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _forecasts(self) -> ShadowLoop[TickEntry]:
        settings = self._settings
        cluster = settings.config.redis.cluster_mode
        writer = ChainWriter(self._client, FORECASTS, cluster=cluster)
        follower = LogFollower(self._client, writer.log_key)
        hearing = ForecastHearing(
            config=settings.config,
            registry=Registry.from_config(settings.config, settings.base_dir, settings.var_dir),
            rows=len(settings.symbols),
            writer=writer,
            clock=MarketClock(self._client),
            follower=follower,
        )
        return ShadowLoop(
            hearing,
            client=self._client,
            lead=self._lead(FORECASTS),
            writer=writer,
            follower=follower,
            status=self._status,
        )

    def _signals(self) -> "ShadowLoop[BatchEntry]":
        # Candles and indicators: half as much again, which a trial of forecasts does without.
        from inference.shadows.signals import SignalHearing
        from inference.signals.windows import Windows
        from market.candles.store import CandleStore

        settings = self._settings
        writer = ChainWriter(self._client, SIGNALS, cluster=settings.config.redis.cluster_mode)
        follower = LogFollower(self._client, writer.log_key)
        hearing = SignalHearing(
            windows=Windows(CandleStore(settings.candles_dir), settings.exchange),
            var_dir=settings.var_dir,
            device=settings.device,
            writer=writer,
            clock=MarketClock(self._client),
            follower=follower,
        )
        return ShadowLoop(
            hearing,
            client=self._client,
            lead=self._lead(SIGNALS),
            writer=writer,
            follower=follower,
            status=self._status,
            may_lead=lambda: self.forecasts.lead.held is not None,
        )

    def _lead(self, engine: str) -> Lead:
        cluster = self._settings.config.redis.cluster_mode
        lease = Lease(self._client, engine, shard=LEASE_SHARD, cluster=cluster)
        return Lead(lease, on_lost=lambda: self._status.led.discard(engine))


def _of(wanted: Trials, engine: str) -> Trials:
    return {name: folder for name, folder in wanted.items() if name[0].engine == engine}
