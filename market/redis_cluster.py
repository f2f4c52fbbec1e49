"""A Redis Cluster's client that fails as a single server's client does.

redis-py raises RedisClusterException, which is no RedisError, where no node can be reached or
slots are served by nobody. That is an outage like any other: everyone here waits for it to end.
Read by whatever talks to a cluster with redis-py.
"""

from typing import Any, Self

import redis
import redis.asyncio
from redis.exceptions import RedisClusterException


class AsyncClusterClient(redis.asyncio.RedisCluster):
    """Raises redis.ConnectionError where the cluster cannot be reached."""

    async def initialize(self, *args: Any, **options: Any) -> Self:
        try:
            await super().initialize(*args, **options)
        except RedisClusterException as error:
            raise redis.ConnectionError(str(error)) from error
        return self


class ClusterClient(redis.RedisCluster):
    """Raises redis.ConnectionError where the cluster cannot be reached, at its making too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        try:
            super().__init__(*args, **options)
        except RedisClusterException as error:
            raise redis.ConnectionError(str(error)) from error

    def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except RedisClusterException as error:
            raise redis.ConnectionError(str(error)) from error
