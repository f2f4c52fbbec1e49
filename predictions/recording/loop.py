"""The recorder as a process: steps, back-off while Redis or the database is away, heartbeat.

Run by `manage.py run_recorder`.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from redis.backoff import NoBackoff
from redis.retry import Retry

from inference.vocabulary import FORECASTS, SIGNALS
from market import keys
from market.backoff import Backoff
from market.candles.store import CandleStore
from market.redis_cluster import AWAY as REDIS_AWAY
from market.redis_policy import require_noeviction
from predictions.accuracy.chore import RollupChore
from predictions.accuracy.quality_chore import QualityChore
from predictions.broadcast import OutcomeBroadcast
from predictions.grading.price_history import RedisPriceHistory
from predictions.grading.signal_chore import SignalGrading
from predictions.promotion.rollback_chore import RollbackChore
from predictions.recording.backlog import BacklogWatch
from predictions.recording.chores import Chore, ChoreRota
from predictions.recording.forecast_recorder import Recorder
from predictions.recording.log_reader import LogReader
from predictions.recording.log_recorder import MOST_ENTRIES_A_TIME, LogRecorder
from predictions.recording.signal_recorder import SignalRecorder
from predictions.retention.chore import PruningChore
from predictions.retention.pruning import Pruner
from predictions.transparency.chore import CheckpointChore
from predictions.transparency.spot_check import SpotCheckChore

log = structlog.get_logger(__name__)

BLOCK_MS = 500
SOCKET_SECONDS = 5.0
BEAT_SECONDS = 1.0
POLL_SECONDS = 0.1

AWAY = (*REDIS_AWAY, DatabaseError, InterfaceError, OSError)
"""What is retried: Redis or the database is away, or not yet set up."""


def connect(url: str) -> redis.Redis:
    """Return a client that fails at once; the loop is what retries."""
    make: Any = redis.RedisCluster if settings.INFERENCE.redis.cluster_mode else redis.Redis
    client: redis.Redis = make.from_url(
        url,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return client


def build_recorders(client: redis.Redis, consumer: str) -> tuple[Recorder, SignalRecorder]:
    """Wire recorders of both logs as the settings say."""
    cluster = settings.INFERENCE.redis.cluster_mode
    # The forecasts' log, which gets an entry every two seconds, is the one that is waited for.
    forecasts = LogReader(client, FORECASTS, consumer, cluster=cluster, block_ms=BLOCK_MS)
    signals = LogReader(client, SIGNALS, consumer, cluster=cluster)
    broadcast = OutcomeBroadcast(get_channel_layer())
    return Recorder(forecasts, RedisPriceHistory(client), broadcast), SignalRecorder(signals)


def build_chores(client: redis.Redis, broadcast: OutcomeBroadcast) -> tuple[Chore, ...]:
    """Wire what this process does beside the logs as the settings say."""
    return (
        CheckpointChore(settings.LEDGER_KEY_FILE, settings.LEDGER_ORIGIN),
        SpotCheckChore(),
        SignalGrading(
            RedisPriceHistory(client),
            CandleStore(settings.CANDLES_DIR),
            settings.CANDLE_EXCHANGE,
            settings.FEE_BP,
            broadcast,
        ),
        RollupChore(),
        QualityChore(client, RedisPriceHistory(client).market_time),
        RollbackChore(
            client,
            RedisPriceHistory(client).market_time,
            settings.VAR_DIR,
            settings.INFERENCE.prediction.horizon_ms,
        ),
        PruningChore(Pruner(settings.FORECAST_RETENTION_DAYS)),
    )


@dataclass(slots=True)
class RecordingLoop:
    """Runs recorders in turn until it is told to stop."""

    recorders: Sequence[LogRecorder[Any]]
    client: redis.Redis
    stopping: Callable[[], bool]
    chores: ChoreRota = field(default_factory=lambda: ChoreRota(()))
    error: str = ""
    retries: int = field(init=False, default=0)
    _backlog: BacklogWatch = field(init=False)
    _policy_known: bool = field(init=False, default=False)
    _beat_at: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        self._backlog = BacklogWatch(self.client, [each.reader for each in self.recorders])

    def run(self, *, once: bool = False, max_entries: int | None = None) -> None:
        """Record until stopped; `once`: until the logs are empty; or until max_entries.

        With `once` or max_entries, an absent Redis or database is raised instead of waited for.
        Raises EvictionPolicyError where Redis could drop entries of a log.
        """
        patient = not once and max_entries is None
        backoff = Backoff()
        while not self.stopping():
            worked = False
            try:
                self._check_policy()
                for recorder in self.recorders:
                    worked |= recorder.step(self._limit(max_entries))
                worked |= self.chores.run()
                self.error, backoff = "", Backoff()
            except AWAY as error:
                if not patient:
                    raise
                self._wait(error, backoff.next_seconds())
            self._beat()
            if (once and not worked) or max_entries == self._entries:
                break

    @property
    def _entries(self) -> int:
        return sum(recorder.tally.entries for recorder in self.recorders)

    def _check_policy(self) -> None:
        if not self._policy_known:
            require_noeviction(self.client)
            self._policy_known = True

    def _limit(self, max_entries: int | None) -> int:
        if max_entries is None:
            return MOST_ENTRIES_A_TIME
        return min(MOST_ENTRIES_A_TIME, max_entries - self._entries)

    def _wait(self, error: Exception, seconds: float) -> None:
        self.retries += 1
        self.error = f"{type(error).__name__}: {error}"
        log.warning("recorder_waits", error=self.error, seconds=round(seconds, 2))
        close_old_connections()
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.stopping():
            self._beat()
            time.sleep(min(left, POLL_SECONDS))

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beat_at < BEAT_SECONDS:
            return
        self._beat_at = now
        try:
            near_bound = self._backlog.look()
            buried = (recorder.trouble() for recorder in self.recorders)
            self._tell("; ".join(filter(None, (self.error, near_bound, *buried))))
        except REDIS_AWAY as error:
            # No heartbeat is what says that Redis is away; the next step reports it too.
            log.debug("heartbeat_not_written", error=str(error))

    def _tell(self, error: str) -> None:
        key = keys.health("recorder")
        detail: dict[str, Any] = {"error": error, "retries": self.retries}
        detail |= self._backlog.detail()
        for recorder in self.recorders:
            engine = recorder.reader.engine
            prefix = "" if engine == FORECASTS else f"{engine}_"
            detail["consumer"] = recorder.reader.consumer
            detail |= {f"{prefix}{name}": value for name, value in recorder.detail().items()}
        detail |= self.chores.detail()
        fields: dict[Any, Any] = {
            "status": "degraded" if error else "healthy",
            "pid": os.getpid(),
            "ts": time.time_ns() // 1_000_000,
            "detail": json.dumps(detail),
        }
        self.client.hset(key, mapping=fields)
        self.client.expire(key, keys.HEALTH_TTL_SECONDS)
