"""One atomic write a tick: log entry, hash chain, every `pred:`, and the message to the web.

The specification's fields stand in `pred:` as strings. Where there is no price they hold its
0.0; REST and WebSocket say null.
"""

import time
from collections.abc import Sequence
from itertools import chain
from typing import Any

import hiredis
import msgpack
import orjson

from inference.forecasts import scripts
from inference.forecasts.entry import COLUMN, TickEntry
from inference.handover.chain import ChainHead, entry_hash
from inference.handover.fence import CHANNEL, Written, read_outcome
from inference.handover.lease import TTL_MS, Held
from inference.handover.link import Command, LinkError, Pipeline, render
from inference.handover.scripts import WRITE_LOG
from inference.vocabulary import FORECASTS, Source, spoken_version
from market import keys


class Publisher:
    """Renders and sends a tick's write for fixed symbols and one shard."""

    def __init__(
        self, symbols: Sequence[str], *, ttl_seconds: int, shard: int, cluster: bool
    ) -> None:
        self._symbols = list(symbols)
        self._ttl = str(ttl_seconds)
        self._shard = shard
        self._cluster = cluster
        self._lease_key = keys.lease(FORECASTS, shard, cluster=cluster)
        self._log_key = keys.log(FORECASTS, cluster=cluster)
        self._pred_keys = [keys.pred(symbol) for symbol in symbols]
        self._script = WRITE_LOG if cluster else scripts.WRITE_TICK
        self._sha: str | None = None

    @property
    def load_script(self) -> Pipeline:
        return render([("SCRIPT", "LOAD", self._script)])

    def head_key(self, venue: str) -> str:
        return keys.head(FORECASTS, venue, self._shard, cluster=self._cluster)

    def script_loaded(self, reply: Any) -> None:
        """Take SCRIPT LOAD's reply. Raises LinkError where Redis refused it."""
        if not isinstance(reply, bytes):
            raise LinkError(f"Redis refused the write script: {reply}")
        self._sha = reply.decode()

    def render(self, entry: TickEntry, head: ChainHead, held: Held) -> tuple[Pipeline, str]:
        """Return the write as a pipeline, and the head that it makes (hex)."""
        if self._sha is None:
            raise LinkError("the write script is not loaded")
        packed = entry.pack()
        new_head = entry_hash(packed).hex()
        rows = entry.numbers.T.tolist()
        message = msgpack.packb(tick_message(entry, rows))
        fence: Command = (
            held.value, str(TTL_MS), head.hash, new_head, str(entry.tick), packed,
        )  # fmt: skip
        fenced_keys = (self._lease_key, self.head_key(entry.venue), self._log_key)
        if self._cluster:
            # Other slots, so other calls; the caller sends them once the log has the entry.
            command: Command = ("EVALSHA", self._sha, "3", *fenced_keys, *fence)
            return render([command]), new_head
        forecasts = msgpack.packb((tick_values(entry), symbol_values(entry, rows)))
        command = (
            "EVALSHA", self._sha, str(3 + len(self._pred_keys)), *fenced_keys, *self._pred_keys,
            *fence, forecasts, self._ttl, CHANNEL, message,
        )  # fmt: skip
        return render([command]), new_head

    def following(self, entry: TickEntry) -> list[Command]:
        """Return what follows the fenced write in a cluster: `pred:` and the message."""
        commands: list[Command] = []
        rows = entry.numbers.T.tolist()
        names = (*scripts.TICK_FIELDS, *scripts.SYMBOL_FIELDS)
        shared = tick_values(entry)
        for key, said in zip(self._pred_keys, symbol_values(entry, rows), strict=True):
            fields = chain.from_iterable(zip(names, (*shared, *said), strict=True))
            commands += [("HSET", key, *fields), ("EXPIRE", key, self._ttl)]
        commands.append(("PUBLISH", CHANNEL, msgpack.packb(tick_message(entry, rows))))
        return commands

    def outcome(self, reply: Any) -> tuple[Written, Any]:
        """Return how the write ended: WRITTEN (entry id), HEAD or DONE (a ChainHead), …"""
        if isinstance(reply, hiredis.HiredisError):
            if str(reply).startswith("NOSCRIPT"):
                self._sha = None
            return Written.REFUSED, str(reply)
        return read_outcome(reply)

    @property
    def script_missing(self) -> bool:
        return self._sha is None


def tick_values(entry: TickEntry) -> list[str]:
    """Return what all `pred:` hashes of a tick share, in the order of TICK_FIELDS."""
    return [
        str(entry.tick_ms),
        str(entry.target_ms),
        f"{entry.latency_ms:.3f}",
        entry.venue,
        "1" if entry.live else "0",
    ]


def symbol_values(entry: TickEntry, rows: list[list[float]]) -> list[list[str]]:
    """Return each symbol's own `pred:` values as strings, in the order of SYMBOL_FIELDS.

    rows: the entry's numbers, one a symbol.
    """
    versions = _versions(entry)
    # One pass of a JSON writer: the shortest text that reads back as the same float, as repr
    # gives it, for all symbols at once.
    flat = [row[column] for row in rows for column in _WRITTEN]
    texts = orjson.dumps(flat).decode()[1:-1].split(",")
    if "null" in texts:
        texts = ["" if text == "null" else text for text in texts]
    width = len(_WRITTEN)
    values = []
    for index, (source, reason) in enumerate(zip(entry.sources, entry.reasons, strict=True)):
        said = texts[index * width : (index + 1) * width]
        # The specification's 0.0 where there is no price.
        said[0], said[1] = said[0] or "0.0", said[1] or "0.0"
        values.append([*said, source, versions[source], reason])
    return values


def tick_message(entry: TickEntry, rows: list[list[float]]) -> dict[str, Any]:
    """Return the message that web processes receive: one encoded frame a symbol."""
    versions = _versions(entry)
    latency_ms = round(entry.latency_ms, 3)
    frames = {}
    for symbol, row, source, reason in zip(
        entry.symbols, rows, entry.sources, entry.reasons, strict=True
    ):
        frames[symbol] = orjson.dumps(
            {
                "symbol": symbol,
                "timestamp": entry.tick_ms,
                "current_price": row[_CURRENT],  # orjson writes NaN as null
                "predicted_price": row[_PREDICTED],
                "confidence": row[_CONFIDENCE],
                "latency_ms": latency_ms,
                "source": source,
                "venue": entry.venue,
                "live": entry.live,
                "target_ts": entry.target_ms,
                "seq": entry.tick,
                "mid_price": row[_MID],
                "lower": row[_LOWER],
                "upper": row[_UPPER],
                "p_up": row[_P_UP],
                "reason": reason,
                "features_age_ms": row[_AGE],
                "model_version": versions[source],
            }
        ).decode()
    return {
        "type": "tick",
        "seq": entry.tick,
        "venue": entry.venue,
        "live": entry.live,
        "tick_ms": entry.tick_ms,
        "published_ms": round(time.time() * 1000),
        "frames": frames,
    }


def _versions(entry: TickEntry) -> dict[str, str]:
    return {source.value: spoken_version(entry.model_version, source) for source in Source}


_PREDICTED, _CURRENT, _CONFIDENCE = (
    COLUMN["predicted_price"],
    COLUMN["current_price"],
    COLUMN["confidence"],
)
_AGE, _MID, _LOWER = COLUMN["features_age_ms"], COLUMN["mid_price"], COLUMN["lower"]
_UPPER, _P_UP = COLUMN["upper"], COLUMN["p_up"]
_WRITTEN = (_PREDICTED, _CURRENT, _CONFIDENCE, _AGE, _MID, _LOWER, _UPPER, _P_UP)
"""The columns behind SYMBOL_FIELDS, in their order."""
