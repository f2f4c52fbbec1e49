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


class AsyncClusterClient(redis.asyncio.RedisCluster):
    """Raises redis.ConnectionError where the cluster cannot be reached."""

    async def initialize(self, *args: Any, **options: Any) -> Self:
        try:
            await super().initialize(*args, **options)
        except RedisClusterException as error:
            raise redis.ConnectionError(str(error)) from error
        return self
