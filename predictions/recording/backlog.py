"""How far the ledger is behind the logs, and how near Redis is to the bound of what it may hold.

Read by the recording loop, whose heartbeat tells it. Streams are trimmed only behind what is
committed, so a recorder or a database that stays away shows here long before anything is lost.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
import structlog

from inference.vocabulary import FORECASTS
from market.redis_policy import EVERY_NODE
from predictions.recording.log_reader import RETENTION_MS, Backlog, LogReader

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 5.0
WARN_EVERY_SECONDS = 60.0
MOST_SECONDS_BEHIND = RETENTION_MS / 2_000
"""Half of what a log holds at least: as long again to put it right."""
MOST_MEMORY = 0.85
"""Share of Redis' maxmemory. Nothing is evicted: at 1 the loops' writes are refused."""


@dataclass(slots=True)
class BacklogWatch:
    """Looks at the logs and at Redis' memory, at most every few seconds."""

    client: redis.Redis
    readers: Sequence[LogReader]
    most_seconds_behind: float = MOST_SECONDS_BEHIND
    most_memory: float = MOST_MEMORY
    _backlogs: dict[str, Backlog] = field(init=False, default_factory=dict)
    _memory: float | None = field(init=False, default=None)
    _looked_at: float = field(init=False, default=float("-inf"))
    _warned_at: float = field(init=False, default=float("-inf"))

    def look(self) -> str:
        """Return what is near its bound, "" where nothing is. Raises redis.RedisError."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_EVERY_SECONDS:
            self._looked_at = now
            self._backlogs = {reader.engine: reader.backlog() for reader in self.readers}
            self._memory = memory_share(self.client)
        bounds = (self.most_seconds_behind, self.most_memory)
        error = "; ".join(alarms(self._backlogs, self._memory, *bounds))
        if error and now - self._warned_at >= WARN_EVERY_SECONDS:
            self._warned_at = now
            log.warning("streams_near_bound", error=error)
        return error

    def detail(self) -> dict[str, Any]:
        """Return what the heartbeat tells: entries and seconds behind of each log, memory."""
        told: dict[str, Any] = {"redis_memory_ratio": self._memory}
        for engine, backlog in self._backlogs.items():
            prefix = "" if engine == FORECASTS else f"{engine}_"
            told[f"{prefix}behind_entries"] = backlog.entries
            told[f"{prefix}behind_seconds"] = backlog.seconds
        return told


def alarms(
    backlogs: Mapping[str, Backlog],
    memory: float | None,
    most_seconds_behind: float = MOST_SECONDS_BEHIND,
    most_memory: float = MOST_MEMORY,
) -> Iterator[str]:
    """Yield in words what is near its bound. memory: share of maxmemory, None if unknown."""
    for engine, backlog in backlogs.items():
        if backlog.seconds > most_seconds_behind:
            yield (
                f"the log of {engine} holds {backlog.entries} entries that are not stored, the "
                f"oldest since {backlog.seconds / 3600:.1f} h"
            )
    if memory is not None and memory > most_memory:
        yield (
            f"Redis holds {memory:.0%} of its maxmemory; at 100 % forecasts and signals "
            "are refused: raise REDIS_MAXMEMORY"
        )


def memory_share(client: redis.Redis) -> float | None:
    """Return the share of maxmemory in use, of a cluster's fullest node; None without a limit."""
    clustered = isinstance(client, redis.RedisCluster)
    told: Any = client.info("memory", **(EVERY_NODE if clustered else {}))
    nodes: list[Mapping[str, Any]] = list(told.values()) if "maxmemory" not in told else [told]
    shares = [node["used_memory"] / node["maxmemory"] for node in nodes if node["maxmemory"]]
    return round(max(shares), 4) if shares else None
