"""A Redis Cluster's client that fails as a single server's client does.

redis-py raises RedisClusterException, which is no RedisError, where no node can be reached or
slots are served by nobody. That is an outage like any other: everyone here waits for it to end.
Read by whatever talks to a cluster with redis-py.
"""

from typing import Any, Self

import redis
import redis.asyncio
from redis.exceptions import RedisClusterException

AWAY = (redis.RedisError, RedisClusterException)
"""What the synchronous clients raise where Redis, a server or a cluster, is away."""


AnyClient = redis.Redis | redis.RedisCluster


def connect(url: str, *, cluster: bool, **options: Any) -> AnyClient:
    """Return a client of the server, or of the cluster that the URL's server is a node of.

    Raises one of AWAY where a cluster does not answer; a server is asked on first use.
    """
    make = redis.RedisCluster if cluster else redis.Redis
    return make.from_url(url, **options)


class AsyncClusterClient(redis.asyncio.RedisCluster):
    """Raises redis.ConnectionError where the cluster cannot be reached."""

    async def initialize(self, *args: Any, **options: Any) -> Self:
        try:
            await super().initialize(*args, **options)
        except RedisClusterException as error:
            raise redis.ConnectionError(str(error)) from error
        return self
