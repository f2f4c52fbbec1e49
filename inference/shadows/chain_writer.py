"""Appends what shadows say to an engine's log: one lease for all, a hash chain for each version.

The write is the loops' own, behind the same fence, without anything that readers would see.
"""

from collections.abc import Callable
from typing import Any

import redis
import structlog

from inference.handover.chain import ChainHead, entry_hash
from inference.handover.connections import AnyClient
from inference.handover.fence import LeaseLostError, Written, read_outcome
from inference.handover.lease import TTL_MS, Held
from inference.handover.scripts import WRITE_LOG
from inference.shadows.shards import LEASE_SHARD
from inference.signals.market_state import is_foreign
from market import keys

TRIES = 3
"""A write may first learn the chain's head, or that the head has moved on."""

Placing = Callable[[ChainHead], tuple[bytes, int]]
"""Given the head that an entry follows, its packed bytes and its number."""

log = structlog.get_logger(__name__)


class ChainWriter:
    """Writes entries of one engine behind the shadows' lease."""

    def __init__(self, client: AnyClient, engine: str, *, cluster: bool) -> None:
        self._client = client
        self._engine = engine
        self._cluster = cluster
        self._lease_key = keys.lease(engine, LEASE_SHARD, cluster=cluster)
        self._log_key = keys.log(engine, cluster=cluster)
        self._script = client.register_script(WRITE_LOG)
        self._heads: dict[tuple[str, int], ChainHead] = {}

    @property
    def log_key(self) -> str:
        return self._log_key

    def forget(self) -> None:
        """Drop what is known of chains: another process may have gone on with them."""
        self._heads.clear()

    async def newest_id(self, venue: str, shard: int) -> str:
        """Learn a chain's head; return the stream id of its newest entry, "" where there is none.

        Raises redis.RedisError.
        """
        key = self._head_key(venue, shard)
        try:
            found: Any = await self._client.hmget(key, ["hash", "tick", "id"])
        except redis.ResponseError as error:
            if not is_foreign(error):
                raise
            log.error("chain_head_replaced", key=key, effect="a new chain begins", error=str(error))
            await self._client.delete(key)
            found = None, None, None
        digest, number, entry_id = (_text(value) for value in found)
        self._heads[venue, shard] = ChainHead(digest, int(number)) if digest else ChainHead()
        return entry_id

    async def write(self, place: Placing, venue: str, shard: int, held: Held) -> Written:
        """Append one entry to a shard's chain.

        DONE: the chain holds that number already, or a later one. Raises LeaseLostError where
        another process speaks, redis.RedisError where Redis is gone or refuses.
        """
        outcome = Written.REFUSED
        for _ in range(TRIES):
            head = self._heads.get((venue, shard), ChainHead())
            packed, number = place(head)
            new_head = entry_hash(packed).hex()
            names = [self._lease_key, self._head_key(venue, shard), self._log_key]
            arguments: list[Any] = [held.value, TTL_MS, head.hash, new_head, number, packed]
            reply = await self._script(keys=names, args=arguments)
            outcome, detail = read_outcome(reply)
            if outcome is Written.LOST:
                raise LeaseLostError(f"the lease is held by {detail or 'nobody'}")
            if outcome is Written.DONE and detail.hash == new_head:
                outcome = Written.WRITTEN  # an earlier try of this, whose reply was lost
            if outcome is Written.WRITTEN:
                self._heads[venue, shard] = ChainHead(new_head, number)
                return outcome
            self._heads[venue, shard] = detail
            if outcome is Written.DONE and place(detail)[1] <= detail.tick:
                return outcome
        return outcome

    def _head_key(self, venue: str, shard: int) -> str:
        return keys.head(self._engine, venue, shard, cluster=self._cluster)


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
