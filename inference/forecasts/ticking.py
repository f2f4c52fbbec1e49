"""One tick: read, forecast, write. `Ticker.run` is the step that tests call.

Everything here happens between two points in time that users feel, so nothing is logged,
looked up or allocated that could wait: see `loop` for what follows a tick.
"""

import time
from dataclasses import dataclass
from typing import Any

import hiredis
import numpy as np
import structlog

from inference.barred import NOBODY, Barred
from inference.config import ServiceConfig
from inference.forecasts.entry import COLUMN, TickEntry
from inference.forecasts.forecaster import Forecaster, Forecasts
from inference.forecasts.publisher import Publisher
from inference.forecasts.reading import HotReader, UnreadableClockError
from inference.forecasts.schedule import Due, Schedule
from inference.handover.chain import ChainHead
from inference.handover.fence import LeaseLostError, Written
from inference.handover.lease import Held
from inference.handover.link import Link, LinkError, Pipeline, render
from inference.health import TickReport
from inference.vocabulary import REFUSED_FEATURES, Reason, Source
from market.clock import LIVE_TIME, MarketTime

SHARD = 0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class TickResult:
    """What a tick did: its figures, and the entry that was written (None: nothing was)."""

    report: TickReport
    entry: TickEntry | None
    outcome: Written


class Ticker:
    """Reads, forecasts and writes for fixed symbols over one connection."""

    def __init__(
        self,
        *,
        config: ServiceConfig,
        forecaster: Forecaster,
        link: Link,
        schedule: Schedule,
    ) -> None:
        self.forecaster = forecaster
        self.market: MarketTime | None = None
        self._config = config
        self._link = link
        self._schedule = schedule
        symbols = forecaster.symbols
        self._reader = HotReader(symbols, config.prediction.max_feature_age_seconds * 1e3)
        self._publisher = Publisher(
            symbols,
            ttl_seconds=config.performance.prediction_cache_ttl_seconds,
            shard=SHARD,
            cluster=config.redis.cluster_mode,
        )
        self._head = ChainHead()
        self._latency_limit_ms = config.performance.max_inference_latency_ms
        self.barred: Barred = NOBODY
        """Of the running market, as the loop last read it; a tick only looks here."""

    @property
    def publisher(self) -> Publisher:
        return self._publisher

    async def look(self) -> MarketTime:
        """Read which market's time holds now; a change of market drops all memory of the last.

        Raises LinkError where Redis is gone.
        """
        return self._follow((await self._exchange(self._reader.clock_pipeline))[0])

    async def run(self, due: Due, held: Held) -> TickResult | None:
        """Run one tick; None where there is no market yet, or another one than before.

        Raises LinkError where Redis is gone, LeaseLostError where the lead is.
        """
        started = time.perf_counter_ns()
        replies = await self._exchange(self._reader.pipeline)
        read_ns = time.perf_counter_ns() - started
        before = self.market
        market = self._follow(replies[0])
        if before is not None and before.venue != market.venue:
            return None
        now_ms = due.tick_ms if market.lock_step else max(due.tick_ms, self._schedule.now_ms())
        if market is LIVE_TIME and self._reader.no_market(replies[1:]):
            return None  # no market has opened yet, ours or another's: there is nothing to say
        venue = None if market is LIVE_TIME else market.venue
        forecasts = self._forecast(replies[1:], now_ms, venue, due)
        entry = self._entry(forecasts, due, market, held, started)
        write_started = time.perf_counter_ns()
        outcome = await self._write(entry, held)
        ended = time.perf_counter_ns()
        report = self._report(
            due, forecasts, read_ns, ended - write_started, ended - started, outcome
        )
        self.forecaster.learn(due.tick, due.tick_ms, forecasts)
        written = outcome is Written.WRITTEN
        return TickResult(report, entry if written else None, outcome)

    def start_chain(self, head: ChainHead) -> None:
        self._head = head

    def _follow(self, reply: Any) -> MarketTime:
        try:
            market = self._reader.market_time(reply) or LIVE_TIME
        except UnreadableClockError as error:
            raise LinkError(str(error)) from error
        if self.market is not None and market.venue != self.market.venue:
            self.forecaster.forget()
            self._head = ChainHead()
            self.barred = NOBODY
        self.market = market
        self._schedule.follow(market)
        return market

    def _forecast(
        self, replies: list[Any], now_ms: float, venue: str | None, due: Due
    ) -> Forecasts:
        # The outermost handler of a tick: whatever is wrong, a record of it is published.
        try:
            reading = self._reader.parse(replies, now_ms, venue)
            reading.bar(self.barred, self.forecaster.symbols)
            return self.forecaster.forecast(reading, due.tick_ms, time.perf_counter_ns)
        except Exception:
            log.exception("forecast_failed", tick=due.tick)
            return self.forecaster.emergency(Reason.MODEL_ERROR)

    def _entry(
        self, forecasts: Forecasts, due: Due, market: MarketTime, held: Held, started: int
    ) -> TickEntry:
        speaker = self.forecaster.speaker
        latency_ms = (time.perf_counter_ns() - started) / 1e6
        reasons: list[Reason] = forecasts.reasons
        if latency_ms > self._latency_limit_ms:
            reasons = [reason or Reason.TOO_SLOW for reason in reasons]
        return TickEntry(
            venue=market.venue,
            live=market.live,
            tick=due.tick,
            tick_ms=due.tick_ms,
            made_ms=due.tick_ms if market.lock_step else self._schedule.now_ms(),
            horizon_ms=self._config.prediction.horizon_ms,
            latency_ms=latency_ms,
            missed=due.missed,
            shard=SHARD,
            token=held.token,
            prev=self._head.prev,
            model_version=speaker.version,
            base_version=speaker.base_version,
            role=speaker.role,
            digest=speaker.digest,
            symbols=self.forecaster.symbols,
            sources=[source.value for source in forecasts.sources],
            reasons=[reason.value for reason in reasons],
            numbers=forecasts.numbers,
            features=forecasts.features,
        )

    async def _write(self, entry: TickEntry, held: Held) -> Written:
        outcome = Written.REFUSED
        # A try may first learn the chain's head, or that the script must be loaded again.
        for _ in range(3):
            if self._publisher.script_missing:
                self._publisher.script_loaded(
                    (await self._exchange(self._publisher.load_script))[0]
                )
            entry.prev = self._head.prev
            pipeline, new_head = self._publisher.render(entry, self._head, held)
            outcome, detail = self._publisher.outcome((await self._exchange(pipeline))[0])
            if outcome is Written.LOST:
                raise LeaseLostError(f"the lease is held by {detail or 'nobody'}")
            if outcome is Written.HEAD:
                self._head = detail
                continue
            if outcome is Written.DONE and detail.hash == new_head:
                outcome = Written.WRITTEN  # our own earlier try, whose reply was lost
            if outcome is Written.WRITTEN:
                self._head = ChainHead(new_head, entry.tick)
                if self._config.redis.cluster_mode:
                    await self._follow_up(entry)
                return outcome
            if outcome is Written.DONE:
                self._head = detail
                return outcome
        return outcome

    async def _follow_up(self, entry: TickEntry) -> None:
        # The forecast stands in the log: what fails here is late for readers, and no more.
        try:
            replies = await self._exchange(render(self._publisher.following(entry)))
        except LinkError as error:
            log.warning("pred_not_written", tick=entry.tick, error=str(error))
            return
        refused = [str(reply) for reply in replies if isinstance(reply, hiredis.HiredisError)]
        if refused:
            log.warning("pred_not_written", tick=entry.tick, error=refused[0], count=len(refused))

    async def _exchange(self, pipeline: Pipeline) -> list[Any]:
        # Reads and the fenced write may both be repeated: the tick is in the log once.
        for _ in range(self._config.redis.max_retries):
            try:
                return await self._link.execute(pipeline)
            except LinkError:
                continue
        return await self._link.execute(pipeline)

    def _report(
        self,
        due: Due,
        forecasts: Forecasts,
        read_ns: int,
        write_ns: int,
        total_ns: int,
        outcome: Written,
    ) -> TickReport:
        numbers = forecasts.numbers
        # Where features were refused there is no mid, and their age may be as wrong as they are.
        believed = ~np.isnan(numbers[COLUMN["mid_price"]])
        model = sum(source is Source.REDIS for source in forecasts.sources)
        total_ms = total_ns / 1e6
        return TickReport(
            tick=due.tick,
            tick_ms=due.tick_ms,
            symbols=len(forecasts.sources),
            model=model,
            fallbacks=len(forecasts.sources) - model,
            stale=sum(reason is Reason.STALE_FEATURES for reason in forecasts.reasons),
            read_ms=read_ns / 1e6,
            model_ms=forecasts.model_ns / 1e6,
            write_ms=write_ns / 1e6,
            total_ms=total_ms,
            lateness_ms=due.lateness_ms,
            missed=due.missed,
            completeness=_mean(numbers[COLUMN["completeness"]]),
            age_ms=_mean(numbers[COLUMN["features_age_ms"]][believed]),
            written=outcome is Written.WRITTEN,
            too_slow=total_ms > self._latency_limit_ms,
            refused=self._refused(forecasts.reasons),
        )

    def _refused(self, reasons: list[Reason]) -> dict[str, list[str]]:
        refused: dict[str, list[str]] = {}
        for symbol, reason in zip(self.forecaster.symbols, reasons, strict=True):
            if reason in REFUSED_FEATURES:
                refused.setdefault(reason.value, []).append(symbol)
        return refused


def _mean(values: "np.typing.NDArray[np.float64]") -> float | None:
    known = values[~np.isnan(values)]
    return round(float(known.mean()), 3) if len(known) else None
