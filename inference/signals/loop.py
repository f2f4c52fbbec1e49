"""The signal loop: stand by, lead, and at each candle close speak once for each timeframe.

Candles announce themselves on `candles:closed`; the market's clock says which one is the newest.
A batch waits a moment for coins whose candles come together; who comes later gets a batch of
its own. What is said goes out in one fenced write.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
import structlog
from redis.exceptions import RedisError

from inference.artefacts.errors import RefusedArtefact
from inference.artefacts.signal_registry import ServedNetwork
from inference.config import RedisConfig
from inference.handover.connections import open_client
from inference.handover.fence import LeaseLostError, Written
from inference.handover.leading import Lead
from inference.handover.lease import RENEW_SECONDS, RETRY_SECONDS, Lease
from inference.signals.account import account_for
from inference.signals.asking import Predictor, ask
from inference.signals.entry import BatchEntry, Said
from inference.signals.following import FollowedMarket
from inference.signals.judging import Verdict, judge
from inference.signals.market_state import BarredReader, CandleListener, read_market_time
from inference.signals.metrics import SignalMetrics
from inference.signals.model_watch import ModelWatch
from inference.signals.moment import UnreadableClockError
from inference.signals.publisher import BatchPublisher
from inference.signals.rounds import Due, Round
from inference.signals.standing import StandingSignals
from inference.signals.status import SignalStatus
from inference.signals.troubles import Troubles, beat
from inference.vocabulary import SIGNALS
from market.clock import LiveClock, MarketTime
from market.redis_policy import require_noeviction_async

SHARD = 0
NAP_MS = 500
"""Longest wait at a time, so that a stop, a late candle or another market is seen soon."""
LEAST_CONNECTIONS = 5

log = structlog.get_logger(__name__)


class SignalLoop:
    """Leads or stands by until `stopping()`."""

    def __init__(
        self,
        *,
        symbols: tuple[str, ...],
        exchange: str,
        predictor: Predictor,
        refresh: Callable[[], object],
        refused: Callable[[], Sequence[RefusedArtefact]] = tuple,
        redis_url: str,
        redis_config: RedisConfig,
        status: SignalStatus,
        metrics: SignalMetrics,
        stopping: Callable[[], bool],
        served: Callable[[], Sequence[ServedNetwork]] = tuple,
    ) -> None:
        self.status = status
        self._symbols = symbols
        self._exchange = exchange
        self._predictor = predictor
        self._metrics = metrics
        self._models = ModelWatch(refresh, refused, status, metrics, served)
        self._stopping = stopping
        self._clock = LiveClock()
        # One connection waits for candles; the lease must never wait for it.
        size = max(LEAST_CONNECTIONS, redis_config.connection_pool_size)
        config = msgspec.structs.replace(redis_config, connection_pool_size=size)
        self._client = open_client(redis_url, config)
        cluster = redis_config.cluster_mode
        lease = Lease(self._client, SIGNALS, shard=SHARD, cluster=cluster)
        self.lead = Lead(lease, on_lost=self._follow_another)
        self._listener = CandleListener(self._client)
        self._standing = StandingSignals(self._client, symbols, cluster=cluster)
        self.publisher = BatchPublisher(self._client, shard=SHARD, cluster=cluster)
        self._troubles = Troubles(self._client, status, metrics, shard=SHARD, cluster=cluster)
        self._barred = BarredReader(self._client)
        self._followed: FollowedMarket | None = None
        self._refusal = ""
        self._policy_known = False
        self._batches = 0

    async def run(self, max_batches: int | None = None) -> None:
        """Make signals until stopped, or until max_batches batches were written by this loop.

        Raises EvictionPolicyError where Redis could drop the ledger's log.
        """
        tending = asyncio.create_task(self._tend())
        try:
            while not self._stopping() and (max_batches is None or self._batches < max_batches):
                try:
                    await self.step()
                except LeaseLostError as error:
                    self.lead.lose(str(error))
                except (RedisError, UnreadableClockError) as error:
                    await self._cannot_go_on(error)
        finally:
            tending.cancel()
            await self.lead.give_back()
            await self._client.aclose()

    async def step(self) -> bool:
        """Take the lead, or wait for candles and speak; whether a batch was written.

        Raises LeaseLostError, redis.RedisError, UnreadableClockError.
        """
        if self.lead.held is None:
            await self._stand_by()
            return False
        followed = await self._follow(await read_market_time(self._client))
        candles = followed.hear(await self._listener.wait(followed.patience_ms(NAP_MS)))
        self.status.unheard = self._listener.problem
        self._advance(followed)
        followed.bar(await self._barred.read(followed.market))
        followed.arrive(candles)
        if self._listener.problem:
            for round_ in followed.rounds.values():
                round_.try_again()
        spoken = False
        for round_ in followed.rounds.values():
            due = round_.due(followed.now_ms, self._clock.now_ms())
            if due is not None:
                spoken |= await self._speak(followed, round_, due)
        self.status.problem = self._refusal
        self._troubles.redis_is_back()
        await self._look_for_models(followed)
        return spoken

    async def _stand_by(self) -> None:
        if not self._policy_known:
            await require_noeviction_async(self._client)
            self._policy_known = True
        held = await self.lead.take()
        self._troubles.redis_is_back()
        if held is None:
            await asyncio.sleep(RETRY_SECONDS)
            return
        self._followed = None  # all that is known of it is read anew
        self.status.leading = True
        self._metrics.leader.set(1)

    async def _follow(self, market: MarketTime) -> FollowedMarket:
        followed = self._followed
        if followed is not None and followed.market.venue == market.venue:
            followed.market = market
            return followed
        self._followed = None
        await self._listener.start()
        # Anew: a candle announced before the start is not heard, so the time must not lie before.
        market = await read_market_time(self._client)
        followed = FollowedMarket(market, self._symbols, self._exchange, self._clock)
        await self.publisher.learn_head(market.venue)
        await self._put_back(followed)
        for round_ in followed.rounds.values():
            self._remember(round_)
        self.status.follow(market.venue, market.live)
        if followed.named:
            log.info("market_followed", venue=market.venue, live=market.live, speed=market.speed)
        else:
            log.info("market_unnamed", effect="signals wait for a feed, or are of another's")
        self._followed = followed
        return followed

    async def _put_back(self, followed: FollowedMarket) -> None:
        await self.lead.renew()
        if self.lead.held is None:
            raise LeaseLostError("while another market was taken up")
        states = await self._standing.restore(followed.market.venue, followed.left_ms)
        for timeframe, by_symbol in states.items():
            said = [
                Said(state.signal, state.revision)
                for state in by_symbol.values()
                if state.signal is not None
            ]
            verdict = Verdict(signals=said)
            entry = verdict.entry(followed.rounds[timeframe], followed.moment, SHARD)
            await self.publisher.show(entry)
        if states:
            count = sum(map(len, states.values()))
            log.info("signals_stand_again", venue=followed.market.venue, signals=count)

    def _remember(self, round_: Round) -> None:
        for symbol, state in self._standing.of(round_.timeframe).items():
            if state.signal is not None:
                round_.heard(symbol, state.signal.candle_open_ms)

    def _advance(self, followed: FollowedMarket) -> None:
        for timeframe, round_ in followed.rounds.items():
            if round_.advance(followed.now_ms) and round_.open_ms is not None:
                followed.forget_arrivals(timeframe)
                self._remember(round_)
                self.status.begin_round(
                    timeframe, round_.open_ms, len(round_.symbols), len(round_.waiting)
                )

    async def _speak(self, followed: FollowedMarket, round_: Round, due: Due) -> bool:
        held = self.lead.held
        if held is None:
            return False
        started = time.perf_counter()
        answers = await ask(
            self._predictor,
            due.symbols,
            round_.timeframe,
            followed.moment,
            followed.barred.symbols,
        )
        verdict = judge(
            round_,
            due,
            answers,
            self._standing.of(round_.timeframe),
            now_ms=followed.now_ms,
            market_named=followed.named,
            feed_down=followed.barred.feed_down,
        )
        for symbol in verdict.repeated:
            round_.heard(symbol, due.open_ms)
        if not verdict.states:
            return False
        entry = verdict.entry(round_, followed.moment, SHARD)
        life_ms = followed.life_ms(round_.timeframe, due.open_ms)
        outcome = await self.publisher.write(entry, verdict.states, held, ttl_ms=life_ms)
        if outcome is not Written.WRITTEN:
            self._metrics.refused.labels(outcome.value).inc()
            log.error("batch_not_written", timeframe=round_.timeframe, outcome=outcome.value)
            self._refusal = await self._troubles.what_is_refused(f"the write ended {outcome}")
            round_.try_again()
            await asyncio.sleep(RETRY_SECONDS)
            return False
        self._refusal = ""
        self._standing.take(round_.timeframe, verdict.states)
        self._after(followed, round_, entry, time.perf_counter() - started)
        return True

    def _after(
        self, followed: FollowedMarket, round_: Round, entry: BatchEntry, seconds: float
    ) -> None:
        """Everything that can wait until the signals are out."""
        round_.written(entry)
        latencies = followed.latencies_s(round_.timeframe, [s.signal.symbol for s in entry.signals])
        # What cannot be made now is no slow signal later.
        followed.latencies_s(round_.timeframe, [gap.symbol for gap in entry.gaps])
        self._batches += 1
        account_for(
            entry,
            round_,
            self.status,
            self._metrics,
            wall_ms=self._clock.now_ms(),
            seconds=seconds,
            latencies_s=latencies,
        )

    async def _look_for_models(self, followed: FollowedMarket) -> None:
        if await self._models.look():
            for round_ in followed.rounds.values():
                round_.try_told()
            self._clock.resync()

    async def _tend(self) -> None:
        """Renew the lease and the heartbeat, whatever a batch takes."""
        while not self._stopping():
            for tend in (self.lead.renew, partial(beat, self._client, self.status)):
                try:
                    await tend()
                except RedisError as error:
                    log.debug("not_tended", error=str(error))
            await asyncio.sleep(RENEW_SECONDS)

    def _follow_another(self) -> None:
        self.status.leading = False
        self._metrics.leader.set(0)

    async def _cannot_go_on(self, error: Exception) -> None:
        await self._troubles.take(error)
        self._followed = None  # what was missed meanwhile is caught up with
        await asyncio.sleep(RETRY_SECONDS)
