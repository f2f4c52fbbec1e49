"""One atomic write a batch: log entry, hash chain, what stands, every `sig:`, and the message to
the web."""

from collections.abc import Mapping
from typing import Any

import msgpack
import orjson
import redis
import structlog

from inference.handover.chain import ChainHead, entry_hash
from inference.handover.connections import AnyClient
from inference.handover.fence import CHANNEL, LeaseLostError, Written, read_outcome
from inference.handover.lease import TTL_MS, Held
from inference.signals.entry import BatchEntry, Gap, Said
from inference.signals.live_accuracy import (
    NOTHING_MEASURED,
    LiveAccuracy,
    decode_live_accuracy,
)
from inference.signals.market_state import is_foreign
from inference.signals.scripts import LOG_BATCH, WRITE_BATCH
from inference.signals.signal import SignalError, SignalState, encode_state
from inference.signals.standing import field_of
from inference.vocabulary import SIGNALS
from market import keys
from market.candles.timeframes import Timeframe

TRIES = 3
"""A write may first learn the chain's head, or that the head has moved on."""

log = structlog.get_logger(__name__)


class BatchPublisher:
    """Writes the batches of one shard behind its lease."""

    def __init__(self, client: AnyClient, *, shard: int, cluster: bool) -> None:
        self._client = client
        self._shard = shard
        self._cluster = cluster
        self._lease_key = keys.lease(SIGNALS, shard, cluster=cluster)
        self._log_key = keys.log(SIGNALS, cluster=cluster)
        self._script = client.register_script(LOG_BATCH if cluster else WRITE_BATCH)
        self._head = ChainHead()
        self._accuracy = NOTHING_MEASURED

    async def learn_head(self, venue: str) -> None:
        """Read the newest entry's hash and number of a venue's chain."""
        key = self._head_key(venue)
        try:
            found: Any = await self._client.hmget(key, ["hash", "tick"])
        except redis.ResponseError as error:
            if not is_foreign(error):
                raise
            log.error("chain_head_replaced", key=key, effect="a new chain begins", error=str(error))
            await self._client.delete(key)
            found = None, None
        digest, number = found
        self._head = ChainHead(_text(digest), int(number)) if digest else ChainHead()

    async def write(
        self, entry: BatchEntry, states: Mapping[str, SignalState], held: Held, *, ttl_ms: int
    ) -> Written:
        """Write one batch; its number, token and place in the chain are filled in here.

        states: what `sig:` is to hold, by symbol. Raises LeaseLostError where another leads,
        redis.RedisError where Redis is gone.
        """
        entry.shard, entry.token = self._shard, held.token
        self._accuracy = await self._measured()
        texts = {symbol: encode_state(state) for symbol, state in states.items()}
        outcome = Written.REFUSED
        for _ in range(TRIES):
            entry.prev = self._head.prev
            # Market time, so that numbers rise even where Redis lost the chain's head.
            entry.batch = max(self._head.tick + 1, entry.made_ms)
            packed = entry.pack()
            new_head = entry_hash(packed).hex()
            try:
                outcome, detail = await self._send(entry, packed, new_head, texts, held, ttl_ms)
            except redis.exceptions.ResponseError as error:
                log.error("batch_refused", timeframe=entry.timeframe.value, error=str(error))
                await self.learn_head(entry.venue)
                return Written.REFUSED
            if outcome is Written.LOST:
                raise LeaseLostError(f"the lease is held by {detail or 'nobody'}")
            if outcome is Written.DONE and detail.hash == new_head:
                outcome = Written.WRITTEN  # an earlier try of this, whose reply was lost
            if outcome is Written.WRITTEN:
                self._head = ChainHead(new_head, entry.batch)
                if self._cluster:
                    await self._follow_up(entry, texts, ttl_ms)
                return outcome
            self._head = detail
        return outcome

    def _head_key(self, venue: str) -> str:
        return keys.head(SIGNALS, venue, self._shard, cluster=self._cluster)

    async def _send(
        self,
        entry: BatchEntry,
        packed: bytes,
        new_head: str,
        texts: Mapping[str, bytes],
        held: Held,
        ttl_ms: int,
    ) -> tuple[Written, Any]:
        stands = keys.stands(SIGNALS, entry.venue, cluster=self._cluster)
        names = [self._lease_key, self._head_key(entry.venue), self._log_key, stands]
        arguments: list[Any] = [held.value, TTL_MS, self._head.hash, new_head, entry.batch, packed]
        fields = [field_of(symbol, entry.timeframe) for symbol in texts]
        arguments += [keys.STANDS_MS, len(texts), *fields, *texts.values()]
        if not self._cluster:
            names += [keys.sig(symbol, entry.timeframe) for symbol in texts]
            arguments += [ttl_ms, CHANNEL, msgpack.packb(batch_message(entry, self._accuracy))]
        return read_outcome(await self._script(keys=names, args=arguments))

    async def _follow_up(self, entry: BatchEntry, texts: Mapping[str, bytes], ttl_ms: int) -> None:
        # The batch stands in the log: what fails here is late for readers, and no more.
        try:
            pipeline: Any = self._client.pipeline()
            for symbol, text in texts.items():
                pipeline.set(keys.sig(symbol, entry.timeframe), text, px=ttl_ms)
            await pipeline.execute()
            await self._client.publish(CHANNEL, msgpack.packb(batch_message(entry, self._accuracy)))
        except redis.RedisError as error:
            log.warning("sig_not_written", batch=entry.batch, error=str(error))

    async def _measured(self) -> LiveAccuracy:
        try:
            return decode_live_accuracy(await self._client.get(keys.quality(SIGNALS)))
        except redis.RedisError:
            return NOTHING_MEASURED  # it stands beside signals; they are said without it

    async def show(self, entry: BatchEntry) -> None:
        """Tell the web of what was said before and stands again; the log has it already.

        Raises redis.RedisError where Redis is gone.
        """
        entry.batch = max(0, self._head.tick)
        self._accuracy = await self._measured()
        await self._client.publish(CHANNEL, msgpack.packb(batch_message(entry, self._accuracy)))


def batch_message(entry: BatchEntry, accuracy: LiveAccuracy = NOTHING_MEASURED) -> dict[str, Any]:
    """Return the message that web processes receive: one encoded frame a symbol."""
    return {
        "type": "signals",
        "seq": entry.batch,
        "venue": entry.venue,
        "live": entry.live,
        "timeframe": entry.timeframe.value,
        "frames": {
            said.signal.symbol: _frame(said, entry.batch, accuracy) for said in entry.signals
        },
        "errors": {gap.symbol: _error(gap, entry.timeframe) for gap in entry.gaps},
    }


def _frame(said: Said, seq: int, accuracy: LiveAccuracy) -> str:
    return orjson.dumps(said.signal.frame(seq, accuracy.of(said.signal))).decode()


def _error(gap: Gap, timeframe: Timeframe) -> str:
    error = SignalError(symbol=gap.symbol, timeframe=timeframe, code=gap.code, message=gap.message)
    return orjson.dumps(error.item()).decode()


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
