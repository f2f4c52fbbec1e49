"""A version on trial for the forecasts: what it says of a leader's tick.

It runs the loop's own arithmetic on the very features of the leader's entry: engine, forecaster,
interval, confidence, fallbacks. So a shadow of the champion's network says what the champion
says, and of a symbol whose features were refused it says what the loop would have: the fallback
or the open "no forecast", with the same reason and under the fallback's own version. Comparisons
take what both said as models; neither's fallbacks count.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.artefacts.errors import ArtefactError, Refusal
from inference.artefacts.manifest import manifest_path
from inference.artefacts.registry import Registry
from inference.artefacts.versions import FORECASTER_NAME
from inference.config import ServiceConfig
from inference.forecasts.engine import Engine
from inference.forecasts.entry import TickEntry
from inference.forecasts.forecaster import Forecaster, Forecasts, Speaker
from inference.forecasts.recent import recent_entries
from inference.forecasts.retelling import reading_of
from inference.handover.chain import ChainHead
from inference.handover.fence import Written
from inference.handover.lease import Held
from inference.shadows.chain_writer import ChainWriter
from inference.shadows.market_clock import MarketClock
from inference.shadows.status import VoiceStatus
from inference.shadows.voice import HUNG_SECONDS, Pace, TooSlowError, elapsed_ms
from inference.vocabulary import Role, Source

MARGIN = 0.1
"""Share of the horizon before the target in which nothing is begun: it could come too late."""

Before = Callable[[str, int], Awaitable[Sequence[tuple[Any, bytes | None]]]]


def load_speaker(
    version: str, folder: Path, config: ServiceConfig, registry: Registry, rows: int
) -> Speaker:
    """Load and warm the network of a version's folder, to speak as a shadow.

    rows: of a tick. Raises ArtefactError.
    """
    path = folder / FORECASTER_NAME
    model = registry.load_at(path)
    if model.manifest is not None and model.version != version:
        message = f"says version {model.version}, its folder is called {version}"
        raise ArtefactError(Refusal.MANIFEST, manifest_path(path), message)
    engine = Engine(replace(model, version=version), config.model.batch_size)
    for count in {1, max(1, rows)}:
        engine.warm_up(config.model.warm_up_iterations, count)
    return Speaker(engine, version, version, Role.SHADOW, model.digest)


class ForecastVoice:
    """One version's memory, and its answers. Everything of one tick, then of the next."""

    def __init__(
        self,
        speaker: Speaker,
        shard: int,
        *,
        config: ServiceConfig,
        writer: ChainWriter,
        clock: MarketClock,
        before: Before,
        status: VoiceStatus,
    ) -> None:
        self._speaker = speaker
        self._shard = shard
        self._config = config
        self._writer = writer
        self._clock = clock
        self._before = before
        self._status = status
        self._pace = Pace(config.performance.max_inference_latency_ms)
        self._forecaster: Forecaster | None = None
        self._venue = ""
        self._missed = 0

    def forget(self) -> None:
        self._forecaster = None

    async def catch_up(self, held: Held) -> None:
        """Nothing: a forecast that is seconds old is no forecast."""

    async def answer(self, entry: TickEntry, held: Held) -> None:
        """Say what the version says of the leader's tick; see `Answering`."""
        started = time.perf_counter_ns()
        if entry.model_version == self._speaker.version:
            # Promoted: the leader speaks for it. Should it come back, it takes up its own anew.
            self._status.skip("own")
            self.forget()
            return
        why = await self._refusal(entry)
        if why:
            self._skip(why)
            return
        forecaster = await self._remember(entry)
        said, computed_ms = await self._forecast(forecaster, entry)
        now_ms = await self._clock.now_ms(entry.venue)
        if now_ms is None or now_ms >= entry.target_ms:
            self._skip("late")
            return
        own = self._entry(entry, said, held, max(now_ms, entry.tick_ms), elapsed_ms(started))
        outcome = await self._writer.write(_placed(own), entry.venue, self._shard, held)
        forecaster.learn(entry.tick, entry.tick_ms, said)
        if outcome is not Written.WRITTEN:
            self._skip("said_already" if outcome is Written.DONE else outcome.value)
            return
        self._missed = 0
        self._status.say(own.latency_ms)
        self._pace.take(computed_ms)

    async def _refusal(self, entry: TickEntry) -> str:
        if Source.EMERGENCY.value in entry.sources:
            return "unknown_features"
        if entry.horizon_ms != self._config.prediction.horizon_ms:
            return "other_horizon"
        now_ms = await self._clock.now_ms(entry.venue)
        if now_ms is None:
            return "other_market"
        return "late" if now_ms >= entry.target_ms - MARGIN * entry.horizon_ms else ""

    async def _remember(self, entry: TickEntry) -> Forecaster:
        known = self._forecaster
        if known is not None and self._venue == entry.venue and known.symbols == entry.symbols:
            return known
        forecaster = Forecaster(entry.symbols, self._config, self._speaker)
        newest = await self._writer.newest_id(entry.venue, self._shard)
        if newest:
            prediction = self._config.prediction
            said = await recent_entries(
                self._before,
                newest,
                venue=entry.venue,
                shard=self._shard,
                count=prediction.horizon_ms // prediction.tick_ms + 1,
            )
            forecaster.restore([one for one in said if one.tick < entry.tick])
        self._forecaster, self._venue = forecaster, entry.venue
        return forecaster

    async def _forecast(self, forecaster: Forecaster, entry: TickEntry) -> tuple[Forecasts, float]:
        def compute() -> tuple[Forecasts, float]:
            # Of this thread alone: a machine that is busy with others makes no network slow.
            started = time.thread_time_ns()
            said = forecaster.forecast(reading_of(entry), entry.tick_ms, time.perf_counter_ns)
            return said, (time.thread_time_ns() - started) / 1e6

        try:
            return await asyncio.wait_for(asyncio.to_thread(compute), HUNG_SECONDS)
        except TimeoutError as error:
            raise TooSlowError(f"it gave no answer within {HUNG_SECONDS:g} s") from error

    def _entry(
        self, leader: TickEntry, said: Forecasts, held: Held, made_ms: float, latency_ms: float
    ) -> TickEntry:
        speaker = self._speaker
        return replace(
            leader,
            made_ms=made_ms,
            latency_ms=latency_ms,
            missed=self._missed,
            shard=self._shard,
            token=held.token,
            model_version=speaker.version,
            base_version=speaker.base_version,
            role=speaker.role,
            digest=speaker.digest,
            sources=[source.value for source in said.sources],
            reasons=[reason.value for reason in said.reasons],
            numbers=said.numbers,
        )

    def _skip(self, why: str) -> None:
        self._missed += 1
        # A market that does not wait for its shadows may be faster than they are.
        self._status.skip(why, excused=not self._clock.real_time)


def _placed(entry: TickEntry) -> Callable[[ChainHead], tuple[bytes, int]]:
    def place(head: ChainHead) -> tuple[bytes, int]:
        entry.prev = head.prev
        return entry.pack(), entry.tick

    return place
