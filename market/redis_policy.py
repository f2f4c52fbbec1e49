"""What this product asks of a Redis: that it never throws keys away to make room.

An evicted log entry would be a forecast without a trace. Every process checks at its start.
"""

from collections.abc import Mapping

import redis
import redis.asyncio

REQUIRED_POLICY = "noeviction"
EVERY_NODE = {"target_nodes": redis.RedisCluster.PRIMARIES}


class EvictionPolicyError(Exception):
    """This Redis may evict keys, the ledger's log among them; a person acts."""


def require_noeviction(client: redis.Redis | redis.RedisCluster) -> None:
    """Ask the server for its policy. Raises EvictionPolicyError naming what to set."""
    clustered = isinstance(client, redis.RedisCluster)
    _judge(client.info("memory", **(EVERY_NODE if clustered else {})))


async def require_noeviction_async(
    client: "redis.asyncio.Redis | redis.asyncio.RedisCluster",
) -> None:
    """Ask the server for its policy. Raises EvictionPolicyError naming what to set."""
    clustered = isinstance(client, redis.asyncio.RedisCluster)
    _judge(await client.info("memory", **(EVERY_NODE if clustered else {})))


def _judge(memory: Mapping[str, object]) -> None:
    # INFO and not CONFIG: hosted servers often disable CONFIG. A cluster answers by node.
    told = memory.get("maxmemory_policy")
    policies = (
        {told}
        if told is not None
        else {node.get("maxmemory_policy") for node in memory.values() if isinstance(node, Mapping)}
    )
    others = sorted(str(policy) for policy in policies if policy not in (None, REQUIRED_POLICY))
    if others:
        raise EvictionPolicyError(
            f"Redis has maxmemory-policy {', '.join(others)} and may drop entries of the ledger: "
            "run `CONFIG SET maxmemory-policy noeviction` (and set it in redis.conf), or use "
            "another Redis"
        )
