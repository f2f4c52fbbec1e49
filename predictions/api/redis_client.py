"""The web process's Redis client for reading hot state: one a process and event loop.

Read by the async views. A client belongs to the loop it was first used on; the web process
has one, tests have several.
"""

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from market.redis_cluster import AsyncClusterClient

SOCKET_SECONDS = 1.0

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis] = WeakKeyDictionary()


def web_redis() -> redis.asyncio.Redis:
    """Return the running loop's client; replies are text. A dead connection is tried once more."""
    loop = asyncio.get_running_loop()
    client = _clients.get(loop)
    if client is None:
        client = _clients[loop] = _connect()
    return client


def _connect() -> redis.asyncio.Redis:
    clustered = settings.INFERENCE.redis.cluster_mode
    make: Any = AsyncClusterClient if clustered else redis.asyncio.Redis
    client: redis.asyncio.Redis = make.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        encoding_errors="replace",
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )
    return client
