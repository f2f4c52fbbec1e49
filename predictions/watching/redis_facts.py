"""Redis as an operator asks of it: the streams and how far behind they are, memory, its policy.

Read by `/api/system`, in a thread: backlog and memory are measured by the recorder's own code,
so that page, heartbeat and alarm say the same.
"""

import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from inference.vocabulary import ENGINES
from market import keys
from market.redis_cluster import connect
from market.redis_policy import EVERY_NODE, REQUIRED_POLICY
from predictions.promotion.told import DRIFT_FIELD, DriftTold, fresh_drift
from predictions.promotion.told_watches import ROLLBACK_FIELD, WatchesTold, fresh_watches
from predictions.recording.backlog import memory_share
from predictions.recording.log_reader import LogReader
from predictions.watching.market_facts import listing_facts

SOCKET_SECONDS = 1.0
SECTIONS = ("server", "memory", "clients", "persistence")
_ASKER = "web"
"""Stands where a recorder's name would; what is asked here takes nothing out of a log."""


def redis_facts(url: str, *, cluster: bool) -> dict[str, Any]:
    """Return `streams`, `redis`, `listings`, and `rollbacks` and `drift` as they are told.

    Raises one of market.redis_cluster.AWAY.
    """
    client = _client(url, cluster)
    return {
        "redis": _server(client, cluster),
        "streams": _streams(client, cluster),
        "listings": _listings(client),
        "rollbacks": _rollbacks(client),
        "drift": _drift(client),
    }


def _rollbacks(client: Any) -> WatchesTold | None:
    try:
        text = client.hget(keys.retraining(), ROLLBACK_FIELD)
    except redis.ResponseError:
        return None  # the key holds another type
    return fresh_watches(text, time.time_ns() // 1_000_000)


def _drift(client: Any) -> DriftTold | None:
    try:
        return fresh_drift(client.hget(keys.retraining(), DRIFT_FIELD), time.time_ns() // 1_000_000)
    except redis.ResponseError:
        return None  # the key holds another type


def _listings(client: Any) -> dict[str, Any] | None:
    try:
        fields = client.hgetall(keys.listings())
    except redis.ResponseError:
        return None  # the key holds another type; the feed replaces it
    texts = {_text(name): _text(value) for name, value in fields.items()}
    return listing_facts(texts)


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _streams(client: Any, cluster: bool) -> list[dict[str, Any]]:
    told = [_log(client, engine, cluster) for engine in ENGINES]
    return [*told, _stream(client, keys.candles_closed()) | _NO_GROUP]


_NO_GROUP = {
    "engine": None,
    "pending": None,
    "lag": None,
    "behind_entries": None,
    "behind_seconds": None,
    "dead_letters": None,
}


def _log(client: Any, engine: str, cluster: bool) -> dict[str, Any]:
    told = _stream(client, keys.log(engine, cluster=cluster)) | _NO_GROUP | {"engine": engine}
    try:
        reader = LogReader(client, engine, _ASKER, cluster=cluster)
        told["behind_entries"], told["behind_seconds"] = reader.backlog()
        told["pending"], told["lag"] = _group(client, reader.key)
        told["dead_letters"] = int(client.llen(keys.dead_letters(engine)))
    except redis.ResponseError as error:
        told["problem"] = f"Redis refuses to tell of it: {error}"
    return told


def _stream(client: Any, key: str) -> dict[str, Any]:
    told: dict[str, Any] = {"key": key, "length": None, "newest_age_ms": None, "problem": ""}
    try:
        told["length"] = int(client.xlen(key))
        newest = client.xrevrange(key, count=1)
        if newest:
            seconds, micros = client.time()
            written_ms = int(newest[0][0].partition(b"-")[0])
            told["newest_age_ms"] = max(0, seconds * 1000 + micros // 1000 - written_ms)
    except redis.ResponseError as error:
        told["problem"] = f"{key} is no stream: {error}"
    return told


def _group(client: Any, key: str) -> tuple[int | None, int | None]:
    if not client.exists(key):
        return None, None
    for group in client.xinfo_groups(key):
        if group["name"] == keys.RECORDER_GROUP.encode():
            return group["pending"], group["lag"]
    return None, None


def _server(client: Any, cluster: bool) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = []
    for section in SECTIONS:
        told: Any = client.info(section, **(EVERY_NODE if cluster else {}))
        answers = list(told.values()) if cluster and "redis_version" not in told else [told]
        if all(isinstance(each, Mapping) for each in answers):
            nodes = nodes or [{} for _ in answers]
            for node, answer in zip(nodes, answers, strict=False):
                node.update(answer)
    policies = sorted({str(node.get("maxmemory_policy")) for node in nodes})
    return {
        "version": nodes[0].get("redis_version"),
        "uptime_seconds": nodes[0].get("uptime_in_seconds"),
        "nodes": len(nodes),
        "clients": _sum(nodes, "connected_clients"),
        "used_bytes": _sum(nodes, "used_memory"),
        "peak_bytes": _sum(nodes, "used_memory_peak"),
        "maxmemory_bytes": _sum(nodes, "maxmemory") or None,
        "memory_ratio": memory_share(client),
        "policy": ", ".join(policies),
        "policy_ok": policies == [REQUIRED_POLICY],
        "append_only": all(bool(node.get("aof_enabled")) for node in nodes),
    }


def _sum(nodes: list[dict[str, Any]], name: str) -> int | None:
    values = [node.get(name) for node in nodes]
    known = [value for value in values if isinstance(value, int)]
    return sum(known) if len(known) == len(values) else None


@cache
def _client(url: str, cluster: bool) -> Any:
    # One a process: redis-py's pools are safe for threads. The caller is what retries.
    return connect(
        url,
        cluster=cluster,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )
