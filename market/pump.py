"""The pump: a feed's batches → features → hot state and candles, at the market's own pace.

One step takes in one cell and writes it; `run` paces the steps. Redis may go away at any
time: cells go on being computed, their writes are dropped and counted (the newest state is
what matters), and the first write after its return makes the state whole.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator

import redis
import structlog

from market import keys
from market.candles.desk import CandleDesk
from market.clock import LiveClock, MarketTime
from market.feeds import Batch
from market.feeds.opening import OpenedFeed
from market.heartbeat import Heartbeat
from market.hot.sending import Refused, send
from market.hot.state import PX_EVERY_MS, SymbolState
from market.hot.tracking import MarketTracker
from market.hot.vector import CELL_MS, TICK_MS
from market.recording.recorder import MarketRecorder, RecordingPlan
from market.redis_cluster import AWAY, AnyClient

WRITE_EVERY_MS = 100
HEARTBEAT_SECONDS = 1.0
RECONNECT_SECONDS = 0.5
TELL_SECONDS = 1.0
LOCK_STEP_REPEAT_SECONDS = 5.0
LONGEST_SLEEP_SECONDS = 0.2
"""So that a stop is seen soon."""

log = structlog.get_logger(__name__)


class Pump:
    """Drives one feed. `step` takes one cell in; `run` does so until the end or a stop."""

    def __init__(
        self,
        opened: OpenedFeed,
        client: AnyClient,
        stopping: Callable[[], bool],
        *,
        tick_ms: int = TICK_MS,
        candles: CandleDesk | None = None,
        recording: RecordingPlan | None = None,
    ) -> None:
        self._feed = opened.feed
        self._opened = opened
        self._client = client
        self._stopping = stopping
        self._tick_ms = tick_ms
        self._patient = opened.speed != 1.0  # such a market can wait for the disk
        self._candles = candles
        self.tracker = MarketTracker(opened.feed)
        self._recorder: MarketRecorder | None = None
        if recording is not None and recording.retention_days > 0:
            self._recorder = MarketRecorder(recording, opened.venue, self.tracker)
        features = self.tracker.symbols.values()
        self._states = [SymbolState(each, opened.venue) for each in features]
        self._heartbeat = Heartbeat(opened, client, self.tracker)
        self._clock = LiveClock()
        self._time: MarketTime | None = None
        self._last_write = self._last_beat = self._redis_lost = 0.0
        self._told_refused = -TELL_SECONDS
        self._prices: list[bytes] = []  # on their way with the next write
        self._history: list[bytes] = []  # prices of the pre-roll, so that charts begin with a past
        self.counters: Counter[str] = Counter()
        self._late_ms: deque[float] = deque(maxlen=600)
        self.on_written: Callable[[Batch, float], None] | None = None
        """Told of each batch whose cell was written, with `time.time()`; for benchmarks."""

    @property
    def market_time(self) -> MarketTime | None:
        """How market time maps to wall time; None before the pre-roll is done."""
        return self._time

    def run(self) -> None:
        """Play the pre-roll at once, then the rest in time, until the feed's end or a stop."""
        if self._recorder is not None:
            self._recorder.start()
        try:
            self._play(self._feed.batches())
        finally:
            self._feed.close()
            if self._recorder is not None:
                self._recorder.close()

    def _play(self, batches: Iterator[Batch]) -> None:
        first = self._preroll(batches)
        if first is None:
            return
        self._announce(first.until_ms)
        if self._candles is not None:
            self._candles.start(first.until_ms)
        try:
            self.step(first)
            for batch in batches:
                self._pace(batch.until_ms)
                if self._stopping():
                    break
                self.step(batch)
        finally:
            if self._candles is not None:
                self._candles.close()

    def step(self, batch: Batch) -> None:
        """Take in one cell; write the hot state where a write is due."""
        rows = self.tracker.advance(batch)
        if self._candles is not None:
            self._candles.take(batch)
        now = time.monotonic()
        next_tick_ms = -(-batch.until_ms // self._tick_ms) * self._tick_ms
        last_before_tick = next_tick_ms - batch.until_ms < CELL_MS
        # A tick must find the cell before it, however fast the market is played.
        if last_before_tick or (now - self._last_write) * 1e3 >= WRITE_EVERY_MS * 0.9:
            self._last_write = now
            commands, self._prices = self._prices, []
            for state, row in zip(self._states, rows.values(), strict=True):
                commands += state.write(batch.until_ms, row)
            if self._send(commands) and self.on_written is not None:
                self.on_written(batch, time.time())
        else:
            # Cells that are caught up with are not written, but each second has its price.
            ends_second = batch.until_ms % PX_EVERY_MS >= PX_EVERY_MS - CELL_MS
            for state, row in zip(self._states, rows.values(), strict=True):
                if ends_second or state.price_due(batch.until_ms):
                    self._prices += state.write_price(batch.until_ms, row)
        if self._recorder is not None:
            self._recorder.take(batch, rows, tick=last_before_tick, patient=self._patient)
        if now - self._last_beat >= HEARTBEAT_SECONDS:
            self._last_beat = now
            self._beat()
        if last_before_tick and self._opened.speed == 0:
            self._lock_step(next_tick_ms)

    def _preroll(self, batches: Iterator[Batch]) -> Batch | None:
        """Fill the windows; return the first batch that is to be played in time."""
        start_ms: int | None = None
        for batch in batches:
            if start_ms is None:
                start_ms = batch.until_ms + self._feed.preroll_ms
            if batch.until_ms >= start_ms:
                return batch
            if self._stopping():
                return None
            rows = self.tracker.advance(batch)
            if self._candles is not None:
                self._candles.take(batch)
            if self._recorder is not None:
                self._recorder.take(batch, None, patient=True)
            if batch.until_ms % PX_EVERY_MS < CELL_MS:
                for state, row in zip(self._states, rows.values(), strict=True):
                    self._history += state.write_price(batch.until_ms, row)
        log.warning("feed_ended_in_preroll", venue=self._opened.venue)
        return None

    def _announce(self, market_ms: int) -> None:
        opened = self._opened
        wall_ms = float(market_ms) if opened.in_utc else self._clock.now_ms()
        self._time = MarketTime(opened.venue, opened.live, float(market_ms), wall_ms, opened.speed)
        while not self._stopping():
            try:
                known = self._client.hget(keys.clock(), "venue")
                if known != opened.venue:
                    # Another market's prices must not be taken for this one's. Where the same
                    # market goes on, what it wrote before stands, and no history replaces it.
                    self._send([each for state in self._states for each in state.clear()])
                    self._send(self._history)
                self._client.delete(keys.ticks_due(), keys.ticks_done())
                self._client.hset(keys.clock(), mapping=self._time.to_hash())
            except redis.ResponseError as error:
                log.warning("redis_refused", key=keys.clock(), error=str(error))
                self._remove(keys.clock())
                time.sleep(RECONNECT_SECONDS)
                continue
            except AWAY as error:
                log.warning("redis_unavailable", error=str(error))
                time.sleep(RECONNECT_SECONDS)
                continue
            log.info("market_open", venue=opened.venue, symbols=self._feed.symbols)
            return

    def _pace(self, market_ms: int) -> None:
        if self._time is None or self._time.lock_step:
            return
        due_ms = self._time.wall_at(market_ms)
        while not self._stopping():
            ahead = (due_ms - self._clock.now_ms()) / 1e3
            if ahead <= 0:
                self._late_ms.append(-ahead * 1e3)
                return
            time.sleep(min(ahead, LONGEST_SLEEP_SECONDS))

    def _send(self, commands: list[bytes]) -> bool:
        if not commands:
            return True
        if self._redis_is_lost():
            self.counters["writes_dropped"] += 1
            return False
        try:
            refused = send(self._client, commands)
        except AWAY as error:
            self._lose_redis(error)
            self.counters["writes_dropped"] += 1
            return False
        self.counters["writes"] += 1
        if refused:
            self.counters["commands_refused"] += len(refused)
            self._mend(refused)
        return True

    def _redis_is_lost(self) -> bool:
        # One that hangs costs a timeout at each question: cells must be caught up with in between.
        return time.monotonic() - self._redis_lost < RECONNECT_SECONDS

    def _lose_redis(self, error: Exception) -> None:
        self._redis_lost = time.monotonic()
        log.warning("redis_unavailable", error=str(error))

    def _mend(self, refused: list[Refused]) -> None:
        now = time.monotonic()
        if now - self._told_refused >= TELL_SECONDS:
            self._told_refused = now
            first = refused[0]
            log.warning(
                "redis_refused",
                key=first.key.decode(errors="replace"),
                error=first.message,
                count=len(refused),
            )
        self._remove(*{each.key for each in refused if each.of_another_type})

    def _remove(self, *foreign: str | bytes) -> None:
        # Somebody put another type there. These keys are the feed's; the next cell writes them.
        try:
            for key in foreign:
                self._client.delete(key)
        except AWAY as error:
            self._lose_redis(error)

    def _lock_step(self, tick_ms: int) -> None:
        try:
            named_at = -LOCK_STEP_REPEAT_SECONDS
            while not self._stopping():
                if time.monotonic() - named_at >= LOCK_STEP_REPEAT_SECONDS:
                    # Again now and then: what was lost with a Redis must not stop the market.
                    named_at = time.monotonic()
                    self._client.rpush(keys.ticks_due(), tick_ms)
                done = self._client.blpop([keys.ticks_done()], timeout=0.05)
                if done is not None and int(done[1]) >= tick_ms:
                    return
        except AWAY as error:
            log.warning("redis_unavailable", error=str(error))
            time.sleep(RECONNECT_SECONDS)

    def _beat(self) -> None:
        if self._time is None:
            return
        step_ms = self._clock.resync()
        if step_ms is not None:
            self.counters["clock_steps"] += 1
            log.warning("system_clock_stepped", step_ms=round(step_ms, 1))
        said = {
            "counters": dict(self.counters),
            "candles": {} if self._candles is None else dict(self._candles.counters),
            "recording": {"status": "off"} if self._recorder is None else self._recorder.state(),
            "late_ms_max": round(max(self._late_ms, default=0.0), 1),
        }
        if self._redis_is_lost():
            return
        try:
            self._heartbeat.beat(self._time, said, self._remove)
        except AWAY as error:
            self._lose_redis(error)
