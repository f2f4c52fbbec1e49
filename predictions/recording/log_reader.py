"""The recorder's place on `log:forecasts`: one consumer of the group, and the log's trimming.

An entry stays pending until it is acknowledged, which the recorder does after its commit; so
whatever dies in between, this consumer or another finds the entry again.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgpack
import redis
import structlog

from market import keys
from predictions.grading.unstored import EntryId

log = structlog.get_logger(__name__)

ENTRIES_A_TIME = 32
CLAIM_IDLE_MS = 30_000
"""An entry this long with a consumer that did not acknowledge it is taken over."""
CLAIM_EVERY_SECONDS = 5.0
MAX_DEAD_LETTERS = 1_000
"""The oldest are dropped beyond this: they are for a person to look at, not a store."""
RETENTION_MS = 24 * 3_600_000


class LogEntry(NamedTuple):
    """One entry of the log; packed is None where it was trimmed before it was read.

    foreign: what it holds instead, where it is none of a loop's; packed is None then too.
    """

    id: str
    packed: bytes | None
    foreign: Mapping[bytes, bytes] | None = None

    @property
    def wall_ms(self) -> int:
        """When it reached the log, by Redis' clock."""
        return _parse_id(self.id)[0]


class Backlog(NamedTuple):
    """Entries that are not acknowledged, and since when the oldest of them lies there.

    entries is None where Redis does not know.
    """

    entries: int | None
    seconds: float


@dataclass(slots=True)
class LogReader:
    """Reads one engine's log as `consumer` of the recorder's group.

    block_ms: how long `take` waits for new entries; None: not at all.
    """

    client: redis.Redis
    engine: str
    consumer: str
    cluster: bool = False
    block_ms: int | None = None
    claim_idle_ms: int = CLAIM_IDLE_MS
    _key: str = field(init=False)
    _behind: bool = field(init=False, default=True)
    _claimed_at: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        self._key = keys.log(self.engine, cluster=self.cluster)

    @property
    def key(self) -> str:
        """The log's name in Redis."""
        return self._key

    def take(self, limit: int = ENTRIES_A_TIME) -> list[LogEntry]:
        """Return up to `limit` entries: own unacknowledged, then abandoned, then new ones."""
        try:
            return self._own(limit) or self._abandoned(limit) or self._new(limit)
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            # First start, or a Redis that came back empty: from the log's beginning.
            self._create_group()
            return self._new(limit)

    def rewind(self) -> None:
        """Read own unacknowledged entries again, after a failure to store them."""
        self._behind = True

    def acknowledge(self, entries: list[LogEntry]) -> None:
        """Mark entries as stored."""
        if entries:
            self.client.xack(self._key, keys.RECORDER_GROUP, *(entry.id for entry in entries))

    def bury(self, entry: LogEntry, error: str) -> None:
        """Set an entry aside for a person; it still is to be acknowledged."""
        key = keys.dead_letters(self.engine)
        held = entry.packed if entry.foreign is None else entry.foreign
        self.client.lpush(key, msgpack.packb([entry.id, error, held]))
        self.client.ltrim(key, 0, MAX_DEAD_LETTERS - 1)

    def backlog(self) -> Backlog:
        """Return how far the group is behind its log."""
        first, delivered, waiting = "-", 0, None
        for group in self._groups():
            if _text(group["name"]) == keys.RECORDER_GROUP:
                first = f"({_text(group['last-delivered-id'])}"
                delivered, waiting = group["pending"], group["lag"]
        oldest = None
        if delivered:
            oldest = _reply(self.client.xpending(self._key, keys.RECORDER_GROUP))["min"]
        if oldest is None:
            unread = _reply(self.client.xrange(self._key, min=first, count=1))
            oldest = unread[0][0] if unread else None
        if first == "-":
            waiting = _reply(self.client.xlen(self._key))
        behind = None if waiting is None else delivered + waiting
        seconds, micros = _reply(self.client.time())
        if oldest is None:
            return Backlog(behind, 0.0)
        since_ms, _ = _parse_id(oldest)
        return Backlog(behind, max(0.0, round(seconds + micros / 1e6 - since_ms / 1e3, 3)))

    def oldest_unstored(self, besides: Collection[str]) -> EntryId | None:
        """Return the oldest entry, besides these, that a recorder took and did not store."""
        taken = _reply(
            self.client.xpending_range(
                self._key, keys.RECORDER_GROUP, min="-", max="+", count=len(besides) + 1
            )
        )
        ids = (_text(entry["message_id"]) for entry in taken)
        return next((_parse_id(entry_id) for entry_id in ids if entry_id not in besides), None)

    def newest_taken(self) -> EntryId:
        """Return the newest entry that any recorder took."""
        return max(
            (
                _parse_id(group["last-delivered-id"])
                for group in self._groups()
                if _text(group["name"]) == keys.RECORDER_GROUP
            ),
            default=(0, 0),
        )

    def trim(self, retention_ms: int = RETENTION_MS) -> int:
        """Drop entries older than `retention_ms` that every group is done with; return how many."""
        groups = self._groups()
        if not any(_text(group["name"]) == keys.RECORDER_GROUP for group in groups):
            return 0  # nobody has read it yet, so nothing of it is committed
        seconds, _ = _reply(self.client.time())
        floors = [(int(seconds) * 1000 - retention_ms, 0)]
        for group in groups:
            floors.append(_parse_id(group["last-delivered-id"]))
            if group["pending"]:
                pending = _reply(self.client.xpending(self._key, _text(group["name"])))
                if pending["min"] is not None:
                    floors.append(_parse_id(pending["min"]))
        ms, sequence = min(floors)
        return int(
            _reply(self.client.xtrim(self._key, minid=f"{ms}-{sequence}", approximate=False))
        )

    def _groups(self) -> list[Any]:
        try:
            found: list[Any] = _reply(self.client.xinfo_groups(self._key))
        except redis.ResponseError as error:
            if "no such key" not in str(error):
                raise
            return []
        return found

    def _own(self, limit: int) -> list[LogEntry]:
        if not self._behind:
            return []
        entries = self._read("0", limit, block_ms=None)
        self._behind = bool(entries)
        return entries

    def _abandoned(self, limit: int) -> list[LogEntry]:
        now = time.monotonic()
        if now - self._claimed_at < CLAIM_EVERY_SECONDS:
            return []
        reply = _reply(
            self.client.xautoclaim(
                self._key,
                keys.RECORDER_GROUP,
                self.consumer,
                self.claim_idle_ms,
                "0-0",
                count=limit,
            )
        )
        entries = _entries(reply[1])
        if entries:
            log.info("entries_taken_over", count=len(entries))
        else:
            self._claimed_at = now
        return entries

    def _new(self, limit: int) -> list[LogEntry]:
        return self._read(">", limit, block_ms=self.block_ms)

    def _read(self, after: str, limit: int, *, block_ms: int | None) -> list[LogEntry]:
        reply = _reply(
            self.client.xreadgroup(
                keys.RECORDER_GROUP, self.consumer, {self._key: after}, limit, block_ms
            )
        )
        if not reply:
            return []
        # RESP3 answers with a mapping of lists of batches, RESP2 with pairs.
        if isinstance(reply, dict):
            return [entry for batches in reply.values() for b in batches for entry in _entries(b)]
        return [entry for _, batch in reply for entry in _entries(batch)]

    def _create_group(self) -> None:
        try:
            self.client.xgroup_create(self._key, keys.RECORDER_GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise


def _entries(batch: Any) -> list[LogEntry]:
    return [_entry(_text(entry_id), fields) for entry_id, fields in batch if entry_id is not None]


def _entry(entry_id: str, fields: Mapping[bytes, bytes] | None) -> LogEntry:
    if not fields:  # Redis tells that there was one, and no more
        return LogEntry(entry_id, None)
    packed = fields.get(b"entry")
    return LogEntry(entry_id, packed, fields if packed is None else None)


def _parse_id(text: bytes | str) -> EntryId:
    ms, _, sequence = _text(text).partition("-")
    return int(ms), int(sequence or 0)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _reply(value: Any) -> Any:
    # redis-py types every reply as maybe awaitable; this client is the synchronous one.
    return value
