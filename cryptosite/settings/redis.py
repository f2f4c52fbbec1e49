"""Redis: REDIS_URL, else REDIS_HOST and REDIS_PORT, else the YAML's `redis` section.

Where none of them names a server elsewhere and this instance keeps one of its own under
VAR_DIR, that is the one: a command typed beside `make run` reaches the same Redis.
"""

import os
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from cryptosite import env
from cryptosite.processes.redis_layout import locate, maxmemory, was_located
from cryptosite.settings.inference import INFERENCE
from cryptosite.settings.paths import VAR_DIR
from market.addresses import is_loopback


def _default_url() -> str:
    named = "REDIS_HOST" in os.environ or "REDIS_PORT" in os.environ
    if not named and is_loopback(INFERENCE.redis.host) and was_located(VAR_DIR):
        return locate(VAR_DIR).url
    return f"redis://{INFERENCE.redis.host}:{INFERENCE.redis.port}/0"


REDIS_URL = env.text("REDIS_URL", _default_url(), secret=True)
REDIS_MAXMEMORY = maxmemory()
"""Limit of the instance's own server."""
if urlsplit(REDIS_URL).scheme not in {"redis", "rediss", "unix"}:
    raise ImproperlyConfigured("REDIS_URL must start with redis://, rediss:// or unix://")

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
}
