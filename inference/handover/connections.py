"""A loop's connections to Redis: the hot path's link, and redis-py for everything else.

One server or a cluster, as `redis.cluster_mode` says. Read by both loops.
"""

import redis.asyncio
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.observability.attributes import DB_CLIENT_CONNECTION_STATE, ConnectionState

from inference.config import ConfigError, RedisConfig
from inference.handover.cluster_link import ClusterLink
from inference.handover.link import HotLink, Link
from market.redis_cluster import AsyncClusterClient

LEAST_TIMEOUT_SECONDS = 1.0
"""Of what is not on the hot path: a lock-step tick is waited for in Redis itself."""

AnyClient = redis.asyncio.Redis | redis.asyncio.RedisCluster


def open_link(url: str, config: RedisConfig) -> Link:
    """Return the hot path's link; it connects when it is first used.

    Raises ConfigError where the URL cannot name a cluster and one is asked for.
    """
    kind: type[HotLink | ClusterLink] = HotLink
    if config.cluster_mode:
        _require_cluster_url(url)
        kind = ClusterLink
    return kind(
        url,
        timeout=config.socket_timeout_seconds,
        connect_timeout=config.socket_connect_timeout_seconds,
    )


def open_client(url: str, config: RedisConfig) -> AnyClient:
    """Return the client of everything that is not on the hot path; it connects on first use.

    Raises ConfigError where the URL cannot name a cluster and one is asked for.
    """
    connections = config.connection_pool_size - 1  # the hot link is one more
    timeout = max(LEAST_TIMEOUT_SECONDS, config.socket_timeout_seconds)
    if config.cluster_mode:
        _require_cluster_url(url)
        return AsyncClusterClient.from_url(
            url,
            max_connections=connections,  # to each node
            socket_timeout=timeout,
            socket_connect_timeout=config.socket_connect_timeout_seconds,
            retry=Retry(NoBackoff(), config.max_retries),
        )
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=config.socket_connect_timeout_seconds,
        socket_timeout=timeout,
        socket_connect_timeout=config.socket_connect_timeout_seconds,
    )
    return redis.asyncio.Redis.from_pool(pool)


def connections_in_use(client: AnyClient) -> int:
    """Return how many of a client's connections are busy; a cluster's nodes do not tell: 0."""
    if not isinstance(client, redis.asyncio.Redis):
        return 0
    counts = client.connection_pool.get_connection_count()
    return sum(
        count
        for count, attributes in counts
        if attributes.get(DB_CLIENT_CONNECTION_STATE) == ConnectionState.USED.value
    )


def _require_cluster_url(url: str) -> None:
    options = parse_url(url)
    if "path" in options or options.get("db"):
        raise ConfigError(
            "redis.cluster_mode is true, but REDIS_URL names a socket or a numbered database, "
            "which a cluster has not: set it to a node, redis://host:port, or cluster_mode to false"
        )
